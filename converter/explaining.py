"""Ask why a SavedModel answers wrongly, with the workers of the run that found out."""

from __future__ import annotations

from pathlib import Path

from converter.errors import ConvertH5Error
from converter.job import Job
from converter.plan import Target
from converter.report.model import AttemptReport
from converter.toolchain import catalog
from converter.toolchain.catalog import Toolchain
from converter.verdict import diagnosis
from converter.verdict.case import Case
from converter.verdict.diagnosis import Diagnosis

DIAGNOSIS = "diagnosis"  # the purpose of the worker that looks at the SavedModel


def explain(job: Job, target: Target, folder: Path, made: AttemptReport) -> Diagnosis | None:
    """What is the matter with the SavedModel in `folder`, which `made` found wrong or unservable.

    None where nothing is known of the message, where there is only one.
    """
    if job.wrong is None or job.referee is None:
        return diagnosis.explain(made.error, job.source)
    job.progress("looking for the first layer that differs")
    flavour, keras = job.referee
    try:
        runtime = job.pool.session(_runtime(job, target), "eager", DIAGNOSIS)
    except ConvertH5Error as error:
        return Diagnosis(diagnosis.UNKNOWN, f"It could not be told: {error.line()}")
    case = Case(
        source=job.source,
        path=job.copy,
        load=job.load_options(flavour, without_flags=job.stochastic),
        keras=keras,
        saved_model=folder,
        runtime=runtime,
        contract=job.contract,
        batch=job.wrong.batch,
        expected=job.wrong.expected,
        got=job.wrong.got,
        rule=job.rule,
        signature=job.wrong.signature,
    )
    job.loaded.clear()  # the diagnosis has the workers load other things
    return diagnosis.diagnose(case)


def _runtime(job: Job, target: Target) -> Toolchain:
    """A toolchain that loads what the server loaded."""
    standing = job.plan.servers(target)
    if standing:
        return standing[0]
    series = target.toolchain.tensorflow_series
    newer = [t for t in catalog.load().values() if t.tensorflow_series >= series]
    return newer[0] if newer else target.toolchain
