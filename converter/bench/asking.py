"""What is timed: calls in a row, each in three parts, by our own clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from converter.bench.cases import FRESH, Case
from converter.bench.ways import REST
from converter.serving.client.contract import Client, Outputs
from converter.serving.client.grpc import GrpcClient
from converter.serving.client.rest import RestClient
from converter.verdict.samples import Batch

# gRPC shares connections between the channels of a process. With this each has its own, so that a
# fresh one is fresh and callers at once have as many connections over gRPC as over HTTP.
_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


@dataclass(frozen=True)
class Served:
    """A model that can be asked. rest: base of its URLs; grpc: target of a channel; either or both.

    version, label: which of its versions; neither for the latest.
    """

    rest: str | None
    grpc: str | None
    model: str
    version: int | None = None
    label: str | None = None


@dataclass
class Turn:
    """Calls in a row. times: nanoseconds of encode, wire and decode of each; wall: of all."""

    times: list[tuple[int, int, int]] = field(default_factory=list)
    answers: list[Outputs] = field(default_factory=list)
    wall: int = 0


class Asking(Protocol):
    """A way to ask one served model, opened for one number of callers and kind of connection."""

    def turn(self, inputs: Batch, calls: int) -> Turn:
        """`calls` requests of each caller. Raises a ConvertH5Error."""
        ...

    def close(self) -> None:
        """Give up its connections."""
        ...


def client(served: Served, case: Case, timeout: float) -> Client:
    """A client of the case's way."""
    common: dict[str, Any] = {"version": served.version, "label": served.label, "timeout": timeout}
    if case.way.protocol == REST:
        assert served.rest is not None
        return RestClient(served.rest, served.model, **common, **case.way.client)
    assert served.grpc is not None
    options = _OWN_CONNECTION
    return GrpcClient(served.grpc, served.model, options=options, **common, **case.way.client)


class OwnAsking:
    """Callers with a client each; over a fresh connection each call has a new one, timed as wire.

    The metadata is asked when it is opened, outside of what is timed.
    """

    def __init__(self, served: Served, case: Case, signature: str, timeout: float) -> None:
        self._make: Callable[[], Client] = lambda: client(served, case, timeout)
        self._fresh = case.connection == FRESH
        self._signature = signature
        self._clients = [self._make() for _ in range(case.concurrency)]
        self._threads = ThreadPoolExecutor(case.concurrency) if case.concurrency > 1 else None
        for each in self._clients:
            each.metadata()

    def turn(self, inputs: Batch, calls: int) -> Turn:
        """See Asking."""
        if self._threads is None:
            return self._calls(self._clients[0], inputs, calls)
        together = threading.Barrier(len(self._clients))

        def caller(client: Client) -> Turn:
            together.wait()
            return self._calls(client, inputs, calls)

        began = time.perf_counter_ns()
        turns = list(self._threads.map(caller, self._clients))
        wall = time.perf_counter_ns() - began
        return Turn([t for one in turns for t in one.times], _answers(turns), wall)

    def _calls(self, client: Client, inputs: Batch, calls: int) -> Turn:
        done = Turn()
        clock, signature = time.perf_counter_ns, self._signature
        send = self._over_new_connection if self._fresh else client.send
        started = clock()
        for _ in range(calls):
            began = clock()
            request = client.encode(inputs, signature)
            encoded = clock()
            reply = send(request)
            received = clock()
            outputs = client.decode(reply, signature)
            decoded = clock()
            done.times.append((encoded - began, received - encoded, decoded - received))
            done.answers.append(outputs)
            del request, reply, outputs  # here, and not within the next call
        done.wall = clock() - started
        return done

    def _over_new_connection(self, request: bytes) -> object:
        with self._make() as other:
            return other.send(request)

    def close(self) -> None:
        """See Asking."""
        if self._threads is not None:
            self._threads.shutdown()
        for each in self._clients:
            each.close()


def _answers(turns: list[Turn]) -> list[Outputs]:
    return [answer for one in turns for answer in one.answers]
