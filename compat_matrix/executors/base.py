"""What every executor offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Future(Protocol):
    """A task under way, as concurrent.futures and Dask have it."""

    def add_done_callback(self, call: Callable[[Any], object], /) -> object:
        """Have `call` called with the future when it is done."""
        ...

    def result(self) -> Any:
        """What the task gave. Raises what it raised, and SeatLost."""
        ...

    def cancel(self) -> object:
        """Forget the task; its seat is gone."""
        ...


class SeatLost(Exception):
    """The seat of a task is gone; the task is to be done by another."""


class Executor(Protocol):
    """Seats, each a process that does one task at a time and keeps what it started."""

    def seats(self) -> Sequence[str]:
        """Names of the seats there are now."""
        ...

    def submit(self, seat: str, work: Callable[..., Any], *arguments: Any) -> Future:
        """Have `work(*arguments)` done at `seat`."""
        ...
