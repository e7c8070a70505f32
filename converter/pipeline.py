"""Run a plan: the only place that knows the order of the steps.

prepare → for each target: load → reference → for each strategy: convert → prove → publish
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from converter import explaining, outcome, proving, publish, rules, truth
from converter.direct import process as direct
from converter.errors import (
    ConvertH5Error,
    NotDirect,
    ServingFailed,
    TargetFull,
    ToolchainError,
    WorkerError,
    WorkerRaised,
)
from converter.job import Job, prepare
from converter.options import SERVING_DEFAULT, Options
from converter.plan import Attempt, Target
from converter.report.model import AttemptReport, Report
from converter.runtimes import Chosen, Runtimes
from converter.serving.docker.errors import EngineUnfit
from converter.toolchain import cache
from converter.toolchain.pool import Pool
from converter.toolchain.provision import Progress
from converter.toolchain.session import Deadlines
from converter.verdict import proof, reference, served
from converter.verdict.compare import Rule
from converter.verdict.reference import Reference

# Where the strategy direct converts.
NOWHERE = "no toolchain"


@dataclass(frozen=True)
class Route:
    """Where a job converts, proves and publishes; without `serving` nothing is proven.

    target: None for the strategy direct where nothing is proven.
    """

    target: Target | None
    serving: Chosen | None
    reference: Reference | None
    staging: Path
    export_folder: Path


@contextlib.contextmanager
def pool_for(options: Options, progress: Progress) -> Iterator[Pool]:
    """A pool of workers with the deadlines of `options`."""
    with Pool(progress=progress, deadlines=Deadlines(request=options.timeout)) as pool:
        yield pool


def run(
    source: Path, export_folder: Path, options: Options, pool: Pool, progress: Progress
) -> Report:
    """Convert, prove and publish. An expected failure is in the report, not raised."""
    report = Report(
        source=source,
        rule=str(Rule(options.rtol, options.atol)),
        export_folder=export_folder,
        options=options,
        started=datetime.now(timezone.utc),
    )
    try:
        publish.check_version(export_folder, options.model_version)
        # The copy of the source is in a staging folder too, so that the next run removes what a
        # killed one left.
        with publish.staging(cache.root() / "jobs") as folder:
            job = prepare(source, folder, options, pool=pool, report=report, progress=progress)
            with (
                publish.staging(export_folder) as staging,
                Runtimes(job.plan, pool, report.notes.append, progress) as runtimes,
            ):
                _run(job, runtimes, staging, export_folder)
    except ConvertH5Error as error:
        report.error = error
    return report


def _run(job: Job, runtimes: Runtimes, staging: Path, export_folder: Path) -> None:
    """Go through the plan's targets until one converts; publish, or raise why not."""
    missing: list[str] = []
    alone = job.plan.direct and job.plan.serving.runtime == "none"
    if alone and _try(job, Route(None, None, None, staging, export_folder), job.plan.alone()):
        return
    for target in job.plan.targets:
        try:
            job.pool.provide(target.toolchain)
        except ToolchainError as error:
            missing.append(error.line())
            job.report.notes.append(f"not {target}: {error.line()}")
            continue
        # Both workers start importing TensorFlow before either is needed.
        first = job.plan.attempts(target, None)[0]
        job.pool.session(target.toolchain, first.mode)
        serving = runtimes.choose(target)
        job.report.serving = serving.runtime.description if serving else "none"
        attempts = job.plan.attempts(target, serving.series if serving else None)
        attempts = attempts[1:] if alone else attempts  # direct was tried already
        try:
            found = truth.establish(job, target, attempts[0]) if serving else None
        except WorkerRaised as error:
            job.report.attempts.append(_unloadable(target, attempts[0], error))
            continue
        route = Route(target, serving, found, staging, export_folder)
        if any(_try(job, route, attempt) for attempt in attempts):
            return
        if any(a.outcome != "failed" for a in job.report.attempts):
            break
    raise outcome.why_nothing(job, missing)


def _unloadable(target: Target, attempt: Attempt, error: WorkerRaised) -> AttemptReport:
    return AttemptReport(
        attempt.strategy, str(target), attempt.freeze, error=error.line(), log_tail=error.log_tail
    )


def _try(job: Job, route: Route, attempt: Attempt) -> bool:
    """One strategy, from conversion to publication; False with the reason in the report."""
    where = NOWHERE if attempt.strategy == rules.DIRECT else str(route.target)
    made = AttemptReport(attempt.strategy, where, attempt.freeze)
    job.report.attempts.append(made)
    job.wrong = None  # what an attempt before this one answered explains nothing here
    started = time.monotonic()
    staged = route.staging / str(len(job.report.attempts))
    try:
        _convert_and_prove(job, route, attempt, staged, made)
        if made.outcome in ("proven", "converted"):
            job.progress("publishing")
            job.report.published = publish.publish(
                staged,
                route.export_folder,
                job.options.model_version,
                outcome.manifest(job, None if made.toolchain == NOWHERE else route.target, made),
            )
            made.outcome = "published"
        else:
            _explain(job, route, staged, made)
    except NotDirect as error:
        made.error = error.line()
        if job.options.strategy == rules.DIRECT:
            raise
    except (WorkerError, ServingFailed) as error:
        made.error, made.log_tail = error.line(), error.log_tail
        if isinstance(error, EngineUnfit):
            raise  # no other strategy would fare better
        if route.target is not None:
            made.diagnosis = explaining.explain(job, route.target, staged, made)
        if isinstance(error, WorkerRaised) and error.kind == "no-space":
            raise TargetFull(
                f"There is no room left at {route.export_folder}",
                why=error.why,
                fix="Free some space and run again; nothing was published",
            ) from error
    finally:
        made.seconds = time.monotonic() - started
        shutil.rmtree(staged, ignore_errors=True)
    if made.outcome != "published":
        job.progress(f"{attempt}: {made.outcome}, {made.error}")
    return made.outcome == "published"


def _explain(job: Job, route: Route, staged: Path, made: AttemptReport) -> None:
    """Have the first attempt of a run that answers wrongly looked into."""
    if route.target is not None and not any(a.diagnosis for a in job.report.attempts):
        made.diagnosis = explaining.explain(job, route.target, staged, made)


def _convert_and_prove(
    job: Job, route: Route, attempt: Attempt, staged: Path, made: AttemptReport
) -> None:
    """Leave a SavedModel in `staged`, and what was found out about it in `made`.

    A source that is random by design is proven with its training flags off, by the same strategy;
    then it is converted as it is, and its answers are held against the source's in the mean.
    """

    def convert(*, without_flags: bool) -> None:
        if attempt.strategy == rules.DIRECT:
            job.progress(f"{attempt}: converting without TensorFlow")
            made.loaded = "as data"
            direct.convert(
                job.source,
                job.copy,
                staged,
                job.contract.fields(),
                freeze=attempt.freeze,
                seconds=job.options.timeout,
            )
            return
        assert route.target is not None
        session = job.pool.session(route.target.toolchain, attempt.mode)
        model = job.load(session, route.target.flavour, without_flags=without_flags)
        made.loaded = model.via
        job.progress(f"{attempt}: converting in {route.target}")
        session.convert(attempt.strategy, staged, job.contract.fields(), attempt.freeze)

    found = route.reference
    if route.serving is None or found is None:
        convert(without_flags=False)
        made.outcome = "converted"
        return
    convert(without_flags=job.stochastic)
    runtime = route.serving.runtime
    proving.prove(
        job, runtime, staged, made, lambda c: proving.every_signature(job, c, found, made)
    )
    if job.stochastic and made.outcome == "proven":
        shutil.rmtree(staged)
        convert(without_flags=False)
        assert route.target is not None
        session = job.pool.session(route.target.toolchain, attempt.mode)
        batch, keys = found.batches[-1], job.contract.outputs
        asked = [reference.predict(session, batch, keys) for _ in range(proof.RANDOM_ASKS)]
        proving.prove(
            job,
            runtime,
            staged,
            made,
            lambda c: served.prove_random(c, SERVING_DEFAULT, batch, asked, job.rule),
        )
