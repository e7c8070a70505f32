"""Do tasks at seats, those of a group one after the other at the same seat.

The tasks of a group share what takes long to start, such as a TensorFlow. A seat stays with its
group while that has tasks, then takes the one with most tasks of those that have the fewest seats.
"""

from __future__ import annotations

import contextlib
import functools
import queue
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compat_matrix.executors.base import Executor, Future, SeatLost

# How often a task is begun whose seat is lost: some take their process with them.
TRIES = 3
# Seconds after which it is looked for new seats while none is done.
LOOK_AGAIN = 2.0


@dataclass(frozen=True)
class Task:
    """`work(*arguments)`, to be done where the others of its group are; `name` is the caller's.

    send: a file whose bytes go along as one more argument, read when the task is begun.
    """

    name: Any
    group: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    send: Path | None = None

    def begin(self, executor: Executor, seat: str) -> Future:
        """Have it done at `seat`. What cannot be read is not sent: the seat says so."""
        sent: tuple[bytes, ...] = ()
        if self.send is not None:
            with contextlib.suppress(OSError):
                sent = (self.send.read_bytes(),)
        return executor.submit(seat, self.work, *self.arguments, *sent)


def run(tasks: Iterable[Task], executor: Executor) -> Iterator[tuple[Task, Any]]:
    """(task, what it gave) as they are done; a SeatLost where every try lost its seat.

    Raises what a task raised.
    """
    waiting: dict[str, deque[Task]] = {}
    for task in tasks:
        waiting.setdefault(task.group, deque()).append(task)
    done: queue.SimpleQueue[Future] = queue.SimpleQueue()
    busy: dict[str, tuple[Task, Future]] = {}
    at: dict[str, str] = {}
    tries: Counter[Any] = Counter()
    while waiting or busy:
        present = executor.seats()
        for seat in present:
            if seat not in busy and waiting:
                at[seat] = _group(seat, waiting, at)
                task = _next(waiting, at[seat])
                future = task.begin(executor, seat)
                busy[seat] = (task, future)
                future.add_done_callback(functools.partial(_tell, done, future))
        for seat, future in _ended(busy, present, done):
            task, _ = busy.pop(seat)
            try:
                answer = _answer(future, gone=seat not in present)
            except SeatLost as lost:
                tries[task.name] += 1
                if tries[task.name] < TRIES:
                    waiting.setdefault(task.group, deque()).append(task)
                    continue
                answer = lost
            yield task, answer


def _next(waiting: dict[str, deque[Task]], group: str) -> Task:
    task = waiting[group].popleft()
    if not waiting[group]:
        del waiting[group]
    return task


def _tell(done: queue.SimpleQueue[Future], future: Future, _: object) -> None:
    done.put(future)


def _ended(
    busy: dict[str, tuple[Task, Future]], present: Sequence[str], done: queue.SimpleQueue[Future]
) -> list[tuple[str, Future]]:
    """(seat, future) that are done, or whose seat is gone; none where nothing happens for long."""
    gone = [(seat, future) for seat, (_, future) in busy.items() if seat not in present]
    if gone:
        return gone
    try:
        ended = done.get(timeout=LOOK_AGAIN)
    except queue.Empty:
        return []
    # One whose seat was gone may end nevertheless; its task is under way elsewhere.
    return [(seat, future) for seat, (_, future) in busy.items() if future is ended]


def _answer(future: Future, *, gone: bool) -> Any:
    """What the task gave. Raises SeatLost, and what the task raised."""
    if gone:
        future.cancel()
        raise SeatLost("its seat is gone")
    return future.result()


def _group(seat: str, waiting: dict[str, deque[Task]], at: dict[str, str]) -> str:
    """The group that `seat` is to take its next task from."""
    if at.get(seat) in waiting:
        return at[seat]
    others = Counter(group for other, group in at.items() if other != seat)
    return max(waiting, key=lambda group: (-others[group], len(waiting[group])))
