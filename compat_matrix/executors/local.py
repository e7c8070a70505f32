"""Seats on this machine: child processes, one for each core."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from compat_matrix.executors.base import SeatLost


class Local:
    """A context manager that ends its processes."""

    def __init__(self, jobs: int = 0) -> None:
        """jobs: how many processes; 0 for one for each core."""
        self._seats = {f"process {n}": _process() for n in range(jobs or len(_cores()))}

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._seats.values():
            for child in list((process._processes or {}).values()):
                child.kill()  # its workers end with it; nothing in it is worth waiting for
            process.shutdown(cancel_futures=True)

    def seats(self) -> Sequence[str]:
        """See Executor."""
        return list(self._seats)

    def submit(self, seat: str, work: Callable[..., Any], *arguments: Any) -> _Task:
        """See Executor; a seat whose process died is given a new one."""
        try:
            return _Task(self._seats[seat].submit(work, *arguments))
        except BrokenProcessPool:
            self._seats[seat] = _process()
            return _Task(self._seats[seat].submit(work, *arguments))


class _Task:
    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    def add_done_callback(self, call: Callable[[Any], object], /) -> None:
        self._future.add_done_callback(call)

    def result(self) -> Any:
        try:
            return self._future.result()
        except BrokenProcessPool as error:
            raise SeatLost("its process died") from error

    def cancel(self) -> None:
        self._future.cancel()


def _process() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=_quiet)


def _quiet() -> None:
    """Ctrl-C is for the orchestrator, which ends its processes; servers log into the results."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("converter").addHandler(logging.NullHandler())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_with_parent() -> None:
    """When the orchestrator is killed nobody else ends this process; its workers end with it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _cores() -> set[int]:
    return os.sched_getaffinity(0)
