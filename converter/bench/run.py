"""Run a benchmark: the only place that knows the order of the steps.

target → metadata → inputs → cases → measure → sweep → bytes on the wire → document
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from converter.bench import crossover, relay, target, ways
from converter.bench.asking import Asking, OwnAsking, Served
from converter.bench.cases import KEPT, Axes, Case
from converter.bench.crossover import Point
from converter.bench.document import Began, WireBytes, case_of, crossing, document, point_of
from converter.bench.floor import BareAsking, Floor
from converter.bench.inputs import Inputs, size
from converter.bench.measure import Checker, Settings, measure
from converter.bench.naive import NaiveAsking
from converter.bench.target import Target
from converter.bench.ways import BARE, GRPC, REST, Way
from converter.errors import UsageError
from converter.options import SERVING_DEFAULT, Options
from converter.pipeline import pool_for
from converter.serving.client import casting
from converter.serving.client.contract import ModelMetadata
from converter.serving.client.grpc import GrpcClient
from converter.serving.client.rest import RestClient
from converter.toolchain.pool import Pool
from converter.toolchain.provision import Progress, quiet
from converter.wire.tensorflow_pb2 import DT_STRING

# Batches by themselves: each so many times the one before, up to so many rows or bytes.
STEP, MOST_ROWS, MOST_BYTES = 4, 256, 4_000_000
NAIVE = "naive"  # the purpose of the worker that calls as tutorials do


@dataclass(frozen=True)
class Wanted:
    """What to measure. ways: ids, all without. batches: by themselves without.

    sweep: how many more batches may be measured to find where the winner changes. inputs: an .npz
    file by input key. timeout: seconds for one request. rest, grpc: HOST:PORT beside a URL.
    """

    ways: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    concurrencies: tuple[int, ...] = (1,)
    connections: tuple[str, ...] = (KEPT,)
    signature: str = SERVING_DEFAULT
    inputs: Path | None = None
    sweep: int = 3
    timeout: float = 60.0
    rest: str | None = None
    grpc: str | None = None
    settings: Settings = field(default_factory=Settings)


def run(
    given: str, wanted: Wanted, options: Options | None = None, progress: Progress = quiet
) -> dict[str, Any]:
    """Measure the model `given`: an .h5 file, a SavedModel's folder or a URL; the document.

    Raises the ConvertH5Error that fits: UsageError, ServingError, WrongAnswer, SourceError …
    """
    chosen = options or Options()
    ways.chosen(wanted.ways)
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(pool_for(chosen, progress))
        if "://" in given:
            found = target.at_url(given, rest=wanted.rest, grpc=wanted.grpc)
        else:
            found = target.open_target(given, chosen, pool, progress, stack)
        return Bench(found, wanted, pool, progress, stack).document()


class Bench:
    """One run over a served model."""

    def __init__(
        self,
        found: Target,
        wanted: Wanted,
        pool: Pool,
        progress: Progress,
        stack: contextlib.ExitStack,
    ) -> None:
        self._target = found
        self._wanted = wanted
        self._pool = pool
        self._progress = progress
        self._stack = stack
        self._began = Began()
        self._metadata = _metadata(found.served, wanted.timeout)
        signature = casting.signature_of(self._metadata, wanted.signature)
        seed = wanted.settings.seed
        self._inputs = Inputs(signature, wanted.inputs, found.demands, seed)
        self._check = Checker(wanted.settings.rule)
        self._cases: list[dict[str, Any]] = []
        self._skipped: dict[tuple[str, str], None] = {}

    def document(self) -> dict[str, Any]:
        """Measure everything that is wanted."""
        batches = self._batches()
        axes = Axes(self._ways(), batches, self._wanted.concurrencies, self._wanted.connections)
        self._measure(list(axes.cases()))
        points = [point for rows in batches if (point := self._point(rows)) is not None]
        competing = [way for way in axes.ways if way.competes]

        def more(rows: int) -> Point | None:
            one = Axes(competing, (rows,), axes.concurrencies[:1], axes.connections[:1])
            self._measure(list(one.cases()))
            return self._point(rows)

        swept = crossover.sweep(points, more, self._wanted.sweep)
        made = document(
            self._target,
            self._metadata,
            self._wanted.signature,
            self._wanted.settings,
            self._began,
        )
        order = list(ways.WAYS)
        made["cases"] = sorted(
            self._cases,
            key=lambda c: (c["concurrency"], c["batch"], order.index(c["way"]), c["connection"]),
        )
        made["skipped"] = [{"way": way, "why": why} for way, why in self._skipped]
        made["crossover"] = crossing(swept)
        return made

    def _ways(self) -> list[Way]:
        """Those that are wanted and can be here; why not, of the others, is noted."""
        served, specs = (
            self._target.served,
            self._metadata.signatures[self._wanted.signature].inputs,
        )
        texts = any(spec.dtype == DT_STRING for spec in specs.values())
        missing = {
            way.id: why
            for way in ways.WAYS.values()
            for needed, why in (
                (way.protocol != REST or served.rest, f"REST: {target.NO_PORT}"),
                (way.protocol != GRPC or served.grpc, f"gRPC: {target.NO_PORT}"),
                (way is not BARE or self._target.folder, "the SavedModel is not at hand"),
                (not way.texts or texts, "no input is a string"),
                (not way.naive or served.label is None, "it does not ask for labels"),
            )
            if not needed
        }
        chosen = ways.chosen(self._wanted.ways)
        self._skipped |= {(way.id, missing[way.id]): None for way in chosen if way.id in missing}
        left = [way for way in chosen if way.id not in missing]
        if not left:
            raise UsageError(
                "Nothing is left to measure", why="; ".join(missing[way.id] for way in chosen)
            )
        return left

    def _batches(self) -> list[int]:
        fixed, wanted = self._inputs.fixed, self._wanted.batches
        if fixed is not None:
            if wanted and set(wanted) != {fixed}:
                raise UsageError(f"The model takes {fixed} rows at a time, no other number")
            return [fixed]
        if wanted:
            return sorted(set(wanted))
        row = max(1, size(self._inputs(1)))
        rows = [1]
        while rows[-1] * STEP <= MOST_ROWS and rows[-1] * STEP * row <= MOST_BYTES:
            rows.append(rows[-1] * STEP)
        return rows

    def _measure(self, cases: Sequence[Case]) -> None:
        found = measure(
            cases,
            lambda case: self._open(case, self._target.served),
            self._inputs,
            self._check,
            self._wanted.settings,
            progress=self._progress,
        )
        self._skipped |= {(case.way.id, why): None for case, why in found.skipped.items()}
        self._progress("counting bytes")
        for case, samples in found.samples.items():
            wire = None if case.way is BARE else self._wire(case)
            payload = size(self._inputs(case.batch))
            self._cases.append(case_of(case, samples, payload, wire))

    def _open(self, case: Case, served: Served) -> Asking:
        if case.way is BARE:
            return BareAsking(self._floor, case.concurrency)
        signature, timeout = self._wanted.signature, self._wanted.timeout
        if not case.way.naive:
            return OwnAsking(served, case, signature, timeout)
        outputs = list(self._metadata.signatures[signature].outputs)
        session = self._pool.session(self._target.toolchain, "eager", NAIVE)
        return NaiveAsking(
            session, served, case, signature=signature, outputs=outputs, timeout=timeout
        )

    @cached_property
    def _floor(self) -> Floor:
        assert self._target.folder is not None
        link = self._pool.link(self._target.toolchain)
        floor = Floor(link, self._target.folder, self._metadata, self._wanted.signature)
        self._stack.callback(floor.close)
        return floor

    def _wire(self, case: Case) -> WireBytes:
        """The bytes of one call, counted by a relay; None over TLS, where there can be none."""
        served = self._target.served
        address = served.rest if case.way.protocol == REST else f"http://{served.grpc}"
        parts = urlsplit(address or "")
        if parts.scheme != "http" or parts.hostname is None:
            return None
        with relay.to(parts.hostname, parts.port or 80) as counting:
            here = f"127.0.0.1:{counting.port}"
            through = dataclasses.replace(served, rest=f"http://{here}", grpc=here)
            alone = dataclasses.replace(case, concurrency=1)
            with contextlib.closing(self._open(alone, through)) as asking:
                asking.turn(self._inputs(case.batch), 1)  # opens a kept connection
                before = counting.counts()
                asking.turn(self._inputs(case.batch), 1)
                after = counting.counts()
        return after[0] - before[0], after[1] - before[1]

    def _point(self, rows: int) -> Point | None:
        """Who wins with so many rows, at the first concurrency and connection."""
        concurrency, connection = self._wanted.concurrencies[0], self._wanted.connections[0]
        return point_of(
            [
                case
                for case in self._cases
                if (case["batch"], case["concurrency"], case["connection"])
                == (rows, concurrency, connection)
            ]
        )


def _metadata(served: Served, timeout: float) -> ModelMetadata:
    """What the model says of itself. Raises ServingError: the server may not be there."""
    which: dict[str, Any] = {"version": served.version, "label": served.label, "timeout": timeout}
    if served.rest is not None:
        with RestClient(served.rest, served.model, **which) as client:
            return client.metadata()
    assert served.grpc is not None
    with GrpcClient(served.grpc, served.model, **which) as client:
        return client.metadata()
