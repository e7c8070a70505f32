"""Measure cells: load, convert, serve, ask, compare. These functions run in a seat."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from compat_matrix import bench, causes
from compat_matrix.cells import Cell, File, Unit
from compat_matrix.outcome import Outcome
from converter import rules, truth
from converter.direct import process as direct
from converter.errors import ConvertH5Error, ServingFailed
from converter.job import Job
from converter.options import SERVING_DEFAULT
from converter.serving.local import LocalServing
from converter.toolchain import catalog
from converter.toolchain.facts import LoadedModel, Mode
from converter.toolchain.session import Session
from converter.verdict import served
from converter.verdict.compare import Verdict
from converter.verdict.reference import Reference

MODEL = "model"
LOG_BYTES = 1500
SECONDS = 600.0

Measured = list[tuple[Cell, Outcome]]


def survey(path: Path, data: bytes | None = None) -> File:
    """What the matrix has to know of the file at `path`, whose bytes may be sent along."""
    with bench.use() as hands:
        try:
            with hands.job(path, data) as (job, digest, _):
                writer = job.source.writer
                referee = job.plan.references[0].toolchain.id
                name = str(writer).removesuffix(" on tensorflow")  # as nearly all are
                rule = rules.writer_rule(job.source).id
                return File(path, digest, name, writer.flavour, rule, referee)
        except ConvertH5Error as error:
            return File(path, _digest(path, data), refusal=error.line())


def _digest(path: Path, data: bytes | None) -> str:
    """sha256 as hex; empty for what cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes() if data is None else data).hexdigest()
    except OSError:
        return ""


def establish(file: File, data: bytes | None = None) -> Reference | str:
    """The reference for `file`, or why there is none."""
    with bench.use() as hands:
        why = ""
        try:
            with hands.job(file.path, data) as (job, _, _):
                for target in job.plan.targets:
                    try:
                        return truth.establish(job, target, job.plan.attempts(target, None)[0])
                    except ConvertH5Error as error:
                        why = why or error.line()
        except ConvertH5Error as error:
            why = error.line()
        return why


def measure(unit: Unit, reference: Reference, data: bytes | None = None) -> Measured:
    """Every cell of `unit`."""
    with bench.use() as hands:
        try:
            with hands.job(unit.file.path, data) as (job, digest, scratch):
                if digest != unit.file.sha256:
                    return refused(unit.cells, "The file was changed while the matrix ran.")
                return list(_Measuring(job, unit, reference, scratch).run())
        except ConvertH5Error as error:
            return refused(unit.cells, error.line())
        except Exception as error:  # a mistake of ours must not end a run of hours
            told = Outcome("failed", line=f"internal: {error!r}", log=traceback.format_exc())
            return [(cell, told) for cell in unit.cells]


def refused(cells: tuple[Cell, ...], why: str) -> Measured:
    """All cells, not tried for the same reason."""
    return [(cell, Outcome("refused", line=why)) for cell in cells]


class _Measuring:
    """One unit under way."""

    def __init__(self, job: Job, unit: Unit, reference: Reference, scratch: Path) -> None:
        self.job = job
        self.unit = unit
        self.reference = reference
        self.scratch = scratch
        self.unloadable: dict[Mode, ConvertH5Error] = {}

    def run(self) -> Iterator[tuple[Cell, Outcome]]:
        """Strategy by strategy, those of a mode of worker together."""
        strategies = dict.fromkeys(cell.strategy for cell in self.unit.cells)
        for strategy in sorted(strategies, key=lambda s: rules.STRATEGY_MODES.get(s, "")):
            cells = [cell for cell in self.unit.cells if cell.strategy == strategy]
            yield from self._by(strategy, cells)

    def _by(self, strategy: str, cells: list[Cell]) -> Iterator[tuple[Cell, Outcome]]:
        """The cells of one strategy: one conversion, and every release."""
        folder = self.scratch / strategy
        if strategy != rules.DIRECT and not cells[0].keras:
            why = f"{self.unit.toolchain} has no Keras that loads files of {self.unit.file.writer}"
            yield from refused(tuple(cells), why)
            return
        try:
            loaded = self._convert(strategy, cells[0], folder)
        except ConvertH5Error as error:
            for cell in cells:
                yield cell, self._failed(error)
            return
        for cell in cells:
            yield cell, dataclasses.replace(self._served(cell, folder), loaded=loaded)
        shutil.rmtree(folder)

    def _convert(self, strategy: str, cell: Cell, folder: Path) -> str:
        """Leave a SavedModel in `folder`; how the file was loaded."""
        job, contract = self.job, self.job.contract.fields()
        if strategy == rules.DIRECT:
            direct.convert(
                job.child, job.source, job.copy, folder, contract, freeze=False, seconds=SECONDS
            )
            return "as data"
        mode: Mode = "graph" if rules.STRATEGY_MODES[strategy] == "graph" else "eager"
        session = job.pool.session(catalog.get(cell.toolchain), mode)
        model = self._load(session, mode, cell.keras)
        session.convert(strategy, folder, contract, False)
        return model.via

    def _load(self, session: Session, mode: Mode, keras: str) -> LoadedModel:
        """The file in a worker; what could not be loaded is not tried again for each strategy."""
        if mode in self.unloadable:
            raise self.unloadable[mode]
        try:
            return self.job.load(session, keras, without_flags=self.job.stochastic)
        except ConvertH5Error as error:
            self.unloadable[mode] = error
            raise

    def _served(self, cell: Cell, folder: Path) -> Outcome:
        """Serve the SavedModel in `folder`, ask it and compare."""
        started = time.monotonic()
        try:
            found = self._ask(cell, folder)
        except ConvertH5Error as error:
            found = self._failed(error)
        if found.kind == "wrong numbers":
            found = dataclasses.replace(found, issue=causes.of_numbers(cell, self.job.source))
        return dataclasses.replace(found, seconds=round(time.monotonic() - started, 3))

    def _ask(self, cell: Cell, folder: Path) -> Outcome:
        runtime = LocalServing(self.job.pool, catalog.for_serving(cell.serving))
        tags = f"--saved_model_tags={','.join(self.job.contract.tags)}"
        with (
            runtime.serve(folder, MODEL, flags=(tags,)) as endpoint,
            served.clients(endpoint, MODEL, SECONDS) as asking,
        ):
            proofs = served.prove(
                asking, SERVING_DEFAULT, self.reference, self.job.rule, thorough=False
            )
        return _judged([v for one in proofs for v in one.verdicts], self.reference.origin)

    def _failed(self, error: ConvertH5Error) -> Outcome:
        line = error.line()
        log = getattr(error, "log_tail", "")[-LOG_BYTES:]
        issue = causes.of_failure(line, served=isinstance(error, ServingFailed))
        return Outcome("known issue" if issue else "failed", issue=issue, line=line, log=log)


def _judged(verdicts: list[Verdict], origin: str) -> Outcome:
    wrong = next((v for v in verdicts if not v.passed), None)
    line = f"{wrong.output} ({wrong.check}, {wrong.protocol}): {wrong.problem}" if wrong else ""
    compared = [v for v in verdicts if v.check == "answer"]
    return Outcome(
        "pass" if verdicts and wrong is None else "wrong numbers",
        line=line,
        reference=origin,
        max_abs=max((v.max_abs for v in compared), default=None),
        max_rel=max((v.max_rel for v in compared), default=None),
    )
