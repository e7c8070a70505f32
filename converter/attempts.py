"""One strategy of a run, from conversion to publication."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from converter import outcome, publish, rules
from converter.direct import process as direct
from converter.errors import NotDirect, ServingFailed, TargetFull, WorkerError, WorkerRaised
from converter.job import Job
from converter.plan import Attempt, Target
from converter.report.model import AttemptReport
from converter.serving.docker.errors import EngineUnfit

if TYPE_CHECKING:
    from converter.proving import Proof

# Where the strategy direct converts.
NOWHERE = "no toolchain"


@dataclass(frozen=True)
class Route:
    """Where a job converts, and publishes; without `proof` nothing is proven.

    target: None for the strategy direct where nothing is proven.
    """

    target: Target | None
    staging: Path
    export_folder: Path
    proof: Proof | None = None


def run(job: Job, route: Route, attempt: Attempt) -> bool:
    """Whether the strategy led to a publication; if not, the reason is in the report."""
    where = NOWHERE if attempt.strategy == rules.DIRECT else str(route.target)
    made = AttemptReport(attempt.strategy, where, attempt.freeze)
    job.report.attempts.append(made)
    job.wrong = None  # what an attempt before this one answered explains nothing here
    started = time.monotonic()
    staged = route.staging / str(len(job.report.attempts))
    try:
        _make(job, route, attempt, staged, made)
        if made.outcome in ("proven", "converted"):
            job.progress("publishing")
            job.report.sha256 = job.digest()
            job.report.published = publish.publish(
                staged,
                route.export_folder,
                job.options.model_version,
                outcome.manifest(job, None if made.toolchain == NOWHERE else route.target, made),
            )
            made.outcome = "published"
        elif not any(a.diagnosis for a in job.report.attempts):
            _explain(job, route, staged, made)
    except NotDirect as error:
        made.error = error.line()
        if job.options.strategy == rules.DIRECT:
            raise
    except (WorkerError, ServingFailed) as error:
        made.error, made.log_tail = error.line(), error.log_tail
        if isinstance(error, EngineUnfit):
            raise  # no other strategy would fare better
        _explain(job, route, staged, made)
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


def _make(job: Job, route: Route, attempt: Attempt, staged: Path, made: AttemptReport) -> None:
    """Leave a SavedModel in `staged`, and what was found out about it in `made`."""

    def convert(*, without_flags: bool) -> None:
        if attempt.strategy == rules.DIRECT:
            _compile(job, attempt, staged, made)
        else:
            _convert(job, route, attempt, staged, made, without_flags=without_flags)

    if route.proof is None:
        convert(without_flags=False)
        made.outcome = "converted"
        return
    from converter import proving

    proving.converted(job, route.proof, convert, staged, made, mode=attempt.mode)


def _compile(job: Job, attempt: Attempt, staged: Path, made: AttemptReport) -> None:
    job.progress(f"{attempt}: converting without TensorFlow")
    made.loaded = "as data"
    direct.convert(
        job.child,
        job.source,
        job.copy,
        staged,
        job.contract.fields(),
        freeze=attempt.freeze,
        seconds=job.options.timeout,
    )


def _convert(
    job: Job,
    route: Route,
    attempt: Attempt,
    staged: Path,
    made: AttemptReport,
    *,
    without_flags: bool,
) -> None:
    assert route.target is not None
    session = job.pool.session(route.target.toolchain, attempt.mode)
    model = job.load(session, route.target.flavour, without_flags=without_flags)
    made.loaded = model.via
    job.progress(f"{attempt}: converting in {route.target}")
    session.convert(attempt.strategy, staged, job.contract.fields(), attempt.freeze)


def _explain(job: Job, route: Route, staged: Path, made: AttemptReport) -> None:
    """Have it looked into why it failed, or answers wrongly."""
    if route.target is not None:
        from converter import explaining

        made.diagnosis = explaining.explain(job, route.target, staged, made)
