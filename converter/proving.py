"""Serve a SavedModel, ask it in every way, and hold the answers against the reference."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from converter.job import Job, Wrong
from converter.options import SERVING_DEFAULT
from converter.plan import Target
from converter.report.model import AttemptReport
from converter.runtimes import Runtime
from converter.serving.client.contract import Client
from converter.toolchain.facts import Mode
from converter.verdict import served
from converter.verdict.compare import Verdict
from converter.verdict.proof import RANDOM_ASKS
from converter.verdict.reference import Reference, predict

# What the model is called while it is proven.
MODEL = "model"

Check = Callable[[Sequence[Client]], Iterable[Verdict]]


@dataclass(frozen=True)
class Proof:
    """What a conversion is held against: a server to ask, the reference, and where its Keras is."""

    runtime: Runtime
    reference: Reference
    target: Target


class Convert(Protocol):
    """Makes the staged SavedModel."""

    def __call__(self, *, without_flags: bool) -> None:
        """without_flags: of a source that is random by design, with its training flags off."""


def converted(
    job: Job, proof: Proof, convert: Convert, staged: Path, made: AttemptReport, *, mode: Mode
) -> None:
    """Convert, and put down in `made` what is found out about the SavedModel in `staged`.

    A source that is random by design is proven with its training flags off, by the same strategy;
    then it is converted as it is, and its answers are held against the source's in the mean.
    mode: of the worker that converts. Raises as prove() does.
    """
    found = proof.reference
    convert(without_flags=job.stochastic)
    prove(job, proof.runtime, staged, made, lambda c: every_signature(job, c, found, made))
    if not job.stochastic or made.outcome != "proven":
        return
    shutil.rmtree(staged)
    convert(without_flags=False)
    session = job.pool.session(proof.target.toolchain, mode)
    batch, keys = found.batches[-1], job.contract.outputs
    asked = [predict(session, batch, keys) for _ in range(RANDOM_ASKS)]

    def in_the_mean(asking: Sequence[Client]) -> Iterable[Verdict]:
        return served.prove_random(asking, SERVING_DEFAULT, batch, asked, job.rule)

    prove(job, proof.runtime, staged, made, in_the_mean)


def prove(job: Job, runtime: Runtime, folder: Path, made: AttemptReport, check: Check) -> None:
    """Serve the SavedModel in `folder` and put down in `made` what `check` says of it.

    Raises ServingFailed when it cannot be served or asked, a ToolchainError.
    """
    job.progress(f"proving in {runtime.description}")
    job.wrong = None
    made.outcome = "not served"
    tags = f"--saved_model_tags={','.join(job.contract.tags)}"
    with (
        runtime.serve(folder, MODEL, flags=(tags,)) as endpoint,
        served.clients(endpoint, MODEL, job.options.timeout) as asking,
    ):
        job.report.serving = endpoint.description
        verdicts = list(check(asking))
    made.verdicts += verdicts
    wrong = [v for v in verdicts if not v.passed]
    made.error = "; ".join(f"{v.output} ({v.check}, {v.protocol}): {v.problem}" for v in wrong[:4])
    made.outcome = "proven" if verdicts and not wrong else "differs"


def every_signature(
    job: Job, asking: Sequence[Client], found: Reference, made: AttemptReport
) -> list[Verdict]:
    """Every signature of the contract, asked in every way that can carry it.

    Raises ServingFailed.
    """
    return [
        verdict
        for signature in job.contract.signatures
        for verdict in one_signature(job, asking, signature, found, made)
    ]


def one_signature(
    job: Job, asking: Sequence[Client], signature: str, found: Reference, made: AttemptReport
) -> list[Verdict]:
    """One signature, by the keys of `found`. Raises ServingFailed."""
    verdicts: list[Verdict] = []
    for one in served.prove(asking, signature, found, job.rule):
        verdicts += one.verdicts
        failed = next((v for v in one.verdicts if not v.passed and v.check != "protocols"), None)
        if failed is not None and job.wrong is None:
            number = failed.batch
            job.wrong = Wrong(
                signature, found.batches[number], found.answers[number], one.answers[number]
            )
        if one.not_asked and (one.protocol, one.not_asked) not in made.not_asked:
            made.not_asked.append((one.protocol, one.not_asked))
    return verdicts
