"""The axes of a benchmark, and the cases that they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from converter.bench.ways import Way

KEPT, FRESH = "kept", "fresh"
CONNECTIONS = (KEPT, FRESH)


@dataclass(frozen=True)
class Case:
    """One thing that is measured: `batch` rows a request, `concurrency` callers at once."""

    way: Way
    batch: int
    concurrency: int
    connection: str

    def __str__(self) -> str:
        return f"{self.way.id}, {self.batch} rows, {self.concurrency} at once, {self.connection}"


@dataclass(frozen=True)
class Axes:
    """What is to be combined. connections: `kept`, `fresh` or both."""

    ways: Sequence[Way]
    batches: Sequence[int]
    concurrencies: Sequence[int] = (1,)
    connections: Sequence[str] = (KEPT,)

    def cases(self) -> Iterator[Case]:
        """Every combination. A way that has no choice of connection comes once."""
        for batch in self.batches:
            for concurrency in self.concurrencies:
                for way in self.ways:
                    for connection in (way.connection,) if way.connection else self.connections:
                        yield Case(way, batch, concurrency, connection)
