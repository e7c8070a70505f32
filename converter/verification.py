"""Check a SavedModel that is there already against the .h5 file it was made from.

prepare → for the first target that can load the source: reference → serve → ask → compare
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from converter import explaining, proving, publish, truth
from converter.errors import (
    ConvertH5Error,
    NoToolchain,
    NotProven,
    ServingFailed,
    ToolchainError,
    UsageError,
    WorkerRaised,
)
from converter.isolation import READS, Child
from converter.job import Hands, Job, prepare
from converter.options import SERVING_DEFAULT, Options
from converter.plan import Target
from converter.report.model import AttemptReport, Report
from converter.runtimes import Chosen, Runtimes
from converter.serving.client.contract import Client, Signature
from converter.source import snapshot
from converter.toolchain import cache
from converter.toolchain.pool import Pool
from converter.toolchain.provision import Progress
from converter.verdict.compare import Verdict
from converter.verdict.reference import Reference
from converter.verdict.rule import Rule


def run(
    saved_model: Path, source: Path, options: Options, pool: Pool, progress: Progress
) -> Report:
    """Serve the SavedModel in the folder `saved_model` and hold it against `source`.

    An expected failure is in the report, not raised.
    """
    report = Report(
        source=source,
        saved_model=saved_model,
        rule=str(Rule(options.rtol, options.atol)),
        options=options,
        started=datetime.now(timezone.utc),
    )
    try:
        folder = _checked(saved_model)
        with Child(*READS) as child, publish.staging(cache.root() / "jobs") as scratch:
            copy, digest = snapshot.take(source, scratch)
            report.sha256 = digest
            hands = Hands(child, pool, report, progress)
            job = prepare(source, copy, lambda: digest, options, hands)
            with Runtimes(job.plan, pool, report.notes.append, progress) as runtimes:
                _run(job, runtimes, folder)
    except ConvertH5Error as error:
        report.error = error
    return report


def _checked(folder: Path) -> Path:
    """The folder, which must hold a SavedModel. Raises UsageError."""
    if any((folder / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        return folder
    versions = [p.name for p in folder.iterdir() if p.name.isdecimal()] if folder.is_dir() else []
    raise UsageError(
        f"{folder} holds no SavedModel",
        why=f"it has version folders: {', '.join(sorted(versions))}" if versions else "",
        fix="Give the version folder itself, such as models/m/3",
    )


def _run(job: Job, runtimes: Runtimes, folder: Path) -> None:
    """Verify with the first target that can load the source, or raise why not."""
    why: list[str] = []
    for target in job.plan.targets:
        attempt = job.plan.attempts(target, None)[0]
        try:
            chosen = runtimes.choose(target)
            if chosen is None:
                raise UsageError("Nothing can be verified without a server", fix="See --serving")
            found = truth.establish(job, target, attempt)
        except (ToolchainError, WorkerRaised) as error:
            why.append(f"{target}: {error.line()}")
            job.report.notes.append(why[-1])
            continue
        _verify(job, target, chosen, found, folder)
        return
    raise NoToolchain(f"Nothing here could load {job.source.path}", why="; ".join(why))


def _verify(job: Job, target: Target, chosen: Chosen, found: Reference, folder: Path) -> None:
    job.report.serving = chosen.runtime.description
    made = AttemptReport("verify", str(target), frozen=False)
    job.report.attempts.append(made)
    started = time.monotonic()
    try:
        proving.prove(
            job, chosen.runtime, folder, made, lambda asking: _fitting(job, asking, found, made)
        )
    except ServingFailed as error:
        made.error, made.log_tail = error.line(), error.log_tail
        made.diagnosis = explaining.explain(job, target, folder, made)
        raise
    finally:
        made.seconds = time.monotonic() - started
    if made.outcome != "proven":
        made.diagnosis = explaining.explain(job, target, folder, made)
        raise NotProven(
            f"{folder} does not answer as {job.source.path} does",
            why=made.error or "nothing was compared",
            fix="Do not deploy it; the report has the figures",
        )


def _fitting(
    job: Job, asking: Sequence[Client], found: Reference, made: AttemptReport
) -> Iterable[Verdict]:
    """Every signature that has the model's inputs and outputs; serving_default must."""
    told = asking[-1].metadata().signatures
    # "__saved_model_init_op" and the like are TensorFlow's own and cannot be asked.
    signatures = {name: told[name] for name in told if not name.startswith("__")}
    if SERVING_DEFAULT not in signatures:
        job.report.notes.append(f"the SavedModel has no signature {SERVING_DEFAULT}")
    for name, signature in signatures.items():
        renamed = _renamed(found, signature)
        if renamed is not None:
            yield from proving.one_signature(job, asking, name, renamed, made)
            continue
        unfit = (
            f"signature {name} takes {', '.join(signature.inputs)} and gives"
            f" {', '.join(signature.outputs)}; the source has {', '.join(job.contract.inputs)} and"
            f" {', '.join(job.contract.outputs)}"
        )
        if name == SERVING_DEFAULT:
            raise UsageError(unfit, fix="Say which is which with --rename-input, --rename-output")
        job.report.notes.append(f"not verified: {unfit}")


def _renamed(found: Reference, signature: Signature) -> Reference | None:
    """The reference by the keys of `signature`; None where they do not fit.

    A single input or output fits whatever its name.
    """
    inputs = _matched(found.batches[0], signature.inputs)
    outputs = _matched(found.answers[0], signature.outputs)
    if inputs is None or outputs is None:
        return None
    return dataclasses.replace(
        found,
        batches=tuple({inputs[k]: v for k, v in batch.items()} for batch in found.batches),
        answers=tuple({outputs[k]: v for k, v in answers.items()} for answers in found.answers),
    )


def _matched(ours: Iterable[str], theirs: Iterable[str]) -> dict[str, str] | None:
    """Their key for each of ours."""
    mine, other = list(ours), list(theirs)
    if set(mine) == set(other):
        return {key: key for key in mine}
    return {mine[0]: other[0]} if len(mine) == len(other) == 1 else None
