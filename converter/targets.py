"""Go through the toolchains of a plan: the reference, and every strategy held against it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from converter import attempts, outcome, truth
from converter.attempts import Route
from converter.errors import ToolchainError, WorkerRaised
from converter.job import Job
from converter.plan import Attempt, Target
from converter.proving import Proof
from converter.report.model import AttemptReport
from converter.runtimes import Runtimes


def run(job: Job, staging: Path, export_folder: Path) -> None:
    """Go through the plan's targets until one converts; publish, or raise why not."""
    missing: list[str] = []
    done = [attempt.strategy for attempt in job.report.attempts]  # by what needs no toolchain
    with Runtimes(job.plan, job.pool, job.report.notes.append, job.progress) as runtimes:
        for target in job.plan.targets:
            try:
                job.pool.provide(target.toolchain)
            except ToolchainError as error:
                missing.append(error.line())
                job.report.notes.append(f"not {target}: {error.line()}")
                continue
            if _published(job, runtimes, target, Route(target, staging, export_folder), done):
                return
            if any(a.outcome != "failed" for a in job.report.attempts):
                break
    raise outcome.why_nothing(job, missing)


def _published(
    job: Job, runtimes: Runtimes, target: Target, route: Route, done: Sequence[str]
) -> bool:
    """Whether a strategy at `target` led to a publication; not those that are `done`."""
    # Both workers start importing TensorFlow before either is needed.
    first = job.plan.attempts(target, None)[0]
    job.pool.session(target.toolchain, first.mode)
    serving = runtimes.choose(target)
    job.report.serving = serving.runtime.description if serving else "none"
    found = job.plan.attempts(target, serving.series if serving else None)
    trying = [attempt for attempt in found if attempt.strategy not in done]
    if serving:
        try:
            reference = truth.establish(job, target, trying[0])
        except WorkerRaised as error:
            job.report.attempts.append(_unloadable(target, trying[0], error))
            return False
        proof = Proof(serving.runtime, reference, target)
        route = dataclasses.replace(route, proof=proof)
    return any(attempts.run(job, route, attempt) for attempt in trying)


def _unloadable(target: Target, attempt: Attempt, error: WorkerRaised) -> AttemptReport:
    return AttemptReport(
        attempt.strategy, str(target), attempt.freeze, error=error.line(), log_tail=error.log_tail
    )
