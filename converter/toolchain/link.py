"""Many requests at once over one running worker, from any thread.

A Session has one request under way at a time. A Link takes over the streams of a session and gives
each request an id, so that slow ones do not hold up the others; a thread of its own reads the
replies. Used for serving.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from converter.errors import WorkerDied, WorkerTimeout
from converter.toolchain.session import Array, Reply, Session, raised
from converter.worker import protocol


class Link:
    """A session shared by threads. Closing the link leaves the session to its owner."""

    def __init__(self, session: Session) -> None:
        assert session.process.stdin is not None
        assert session.process.stdout is not None
        self.session = session
        self._requests = session.process.stdin
        self._replies = session.process.stdout
        self._ids = itertools.count(1)
        self._lock = threading.Lock()  # of the stream of requests
        self._waiting: dict[int, Future[Reply]] = {}
        self._places: dict[int, list[int]] = {}  # in the arena, until the reply comes
        self._broken: Exception | None = None
        threading.Thread(target=self._read, name="worker-replies", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether requests can still be answered."""
        return self._broken is None and self.session.alive

    def call(
        self,
        operation: str,
        tensors: Iterable[tuple[str, Array]] = (),
        *,
        timeout: float | None = None,
        **fields: Any,
    ) -> Reply:
        """Send one request and wait for its reply, for `timeout` seconds (None: for ever).

        Raises WorkerRaised, WorkerDied, or WorkerTimeout: then the worker goes on with the request
        and its reply is dropped.
        """
        number = next(self._ids)
        future: Future[Reply] = Future()
        self._waiting[number] = future
        try:
            if self._broken is not None:
                raise self._died(operation)
            try:
                with self._lock:
                    header = {"op": operation, "id": number, **fields}
                    places = self._places[number] = []
                    protocol.write(self._requests, header, tensors, put=self._putter(places))
            except (OSError, ValueError) as error:
                raise self._died(operation) from error
            except protocol.ProtocolError:  # a tensor without a wire form: nothing was sent
                self._release(number)
                raise
            return future.result(timeout)
        except FutureTimeout:
            raise WorkerTimeout(
                f"The worker of {self.session.name} did not finish '{operation}'",
                why=f"it took longer than {timeout:g} s",
                log_tail=self.session.log_tail(),
            ) from None
        except EOFError as error:
            raise self._died(operation) from error
        finally:
            self._waiting.pop(number, None)

    def _died(self, operation: str) -> WorkerDied:
        return WorkerDied(
            f"The worker of {self.session.name} died during '{operation}'",
            why=str(self._broken or "its streams are closed"),
            fix="The tail of its log tells more",
            log_tail=self.session.log_tail(),
        )

    def _read(self) -> None:
        """Hand every reply to the thread that waits for it, until the stream ends."""
        try:
            message = protocol.read(self._replies)
            while message is not None:
                self._deliver(*message)
                message = protocol.read(self._replies)
            self._broken = EOFError("it closed its output")
        except Exception as error:  # whatever it is: nobody may wait for a reader that is gone
            self._broken = error
        for future in list(self._waiting.values()):
            with contextlib.suppress(Exception):  # answered in the meantime
                future.set_exception(EOFError(str(self._broken)))

    def _putter(self, places: list[int]) -> Callable[[memoryview], int | None] | None:
        """What lays tensors into the arena and notes where."""
        arena = self.session.arena
        if arena is None:
            return None

        def put(data: memoryview) -> int | None:
            place = arena.put(data)
            if place is not None:
                places.append(place)
            return place

        return put

    def _release(self, number: int) -> None:
        """Let go of what a request laid into the arena."""
        for place in self._places.pop(number, []):
            if self.session.arena is not None:
                self.session.arena.release(place)

    def _deliver(self, header: dict[str, Any], tensors: dict[str, Array]) -> None:
        # Only now: the worker reads a tensor where it lies until it has answered.
        self._release(header.get("id", 0))
        future = self._waiting.pop(header.get("id", 0), None)
        if future is None:
            return  # nobody waits any longer
        if header.get("ok") is True:
            future.set_result(Reply(header.get("result", {}), tensors))
        else:
            future.set_exception(raised(self.session, "a request", header.get("error", {})))
