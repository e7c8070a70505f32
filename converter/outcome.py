"""The end of a run in words: why nothing was published, or the manifest of what was."""

from __future__ import annotations

from typing import Any

import converter
from converter.errors import (
    ConvertH5Error,
    NotConverted,
    NoToolchain,
    NotProven,
    ServingFailed,
    UnknownLayer,
)
from converter.job import Job
from converter.plan import Target
from converter.report.model import AttemptReport

# How the Kerases put it. Sources: generic_utils of keras 1.2.2 to 2.3.1 and tf.keras 2.15;
# serialization_lib of Keras 3.15.
UNKNOWN_LAYER_WORDS = ("Unknown layer", "Could not locate class", "Unknown activation function")


def why_nothing(job: Job, missing: list[str]) -> ConvertH5Error:
    """The error whose exit code says best why nothing was published.

    missing: what could not be provided of the plan's toolchains.
    """
    attempts = job.report.attempts
    told = "; ".join(f"{a.strategy}{', frozen' * a.frozen}: {a.error}" for a in attempts)
    if any(a.outcome == "differs" for a in attempts):
        return NotProven(
            f"{job.source.path} was converted, but the answers differ from the reference",
            why=told,
            fix="Nothing was published; the report has the figures",
        )
    if any(a.outcome == "not served" for a in attempts):
        return ServingFailed(
            "The converted model could not be loaded or asked",
            why=told,
            fix="Try --freeze, or another --serving version",
        )
    if not attempts:
        return NoToolchain(
            f"No toolchain for {job.source.writer} could be provided",
            why="; ".join(missing),
            fix="See 'convert-h5 toolchain list'",
        )
    unknown = [a.error for a in attempts if any(words in a.error for words in UNKNOWN_LAYER_WORDS)]
    if unknown:
        return UnknownLayer(
            f"{job.source.path} has a layer or function that its Keras does not know",
            why=unknown[0],
            fix="Give its code with --custom-objects FILE.py",
        )
    return NotConverted(
        f"No strategy converted {job.source.path}",
        why=told,
        fix="Run with --report DIR and read the logs there",
    )


def manifest(job: Job, target: Target | None, made: AttemptReport) -> dict[str, Any]:
    """What is written beside the published model; no path of this machine is in it.

    target: None when no toolchain converted it.
    """
    report = job.report
    return {
        "schema": "convert-h5/manifest/1",
        "convert_h5": converter.__version__,
        "source": {"name": job.source.path.name, "sha256": report.sha256},
        "writer": report.writer,
        "toolchain": _toolchain(target) if target else None,
        "strategy": made.strategy,
        "frozen": made.frozen,
        "loaded": made.loaded,
        "contract": job.contract.fields(),
        "reference": report.reference,
        "serving": report.serving,
        "rule": report.rule,
        "sensitivity": report.sensitivity,
        "verdicts": [v.as_dict() for v in made.verdicts],
    }


def _toolchain(target: Target) -> dict[str, Any]:
    own = target.toolchain.own_python is not None
    return {
        "id": "own" if own else target.toolchain.id,
        "lock_sha256": target.toolchain.lock_sha256,
        "tensorflow": target.toolchain.tensorflow,
        "keras": target.flavour,
    }
