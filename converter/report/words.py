"""How the reports for people name things, and write figures."""

from __future__ import annotations

import decimal
import math
from typing import NamedTuple

from converter.report.model import AttemptReport, Report


class Outcome(NamedTuple):
    """What came of an attempt. tone: `good`, `fair` or `bad`."""

    tone: str
    words: str


OUTCOMES = {
    "published": Outcome("good", "published"),
    "proven": Outcome("good", "proven"),
    "converted": Outcome("fair", "converted, not proven"),
    "differs": Outcome("bad", "answers differ"),
    "not served": Outcome("bad", "not served"),
    "failed": Outcome("bad", "not converted"),
}

PROTOCOLS = {"rest row": "REST row", "rest columnar": "REST columnar", "grpc": "gRPC"}

# Checks in the order in which they are told; `random` takes the place of `answer` where a model is
# random by design.
CHECKS = {
    "answer": "against the reference",
    "random": "mean of many answers against the source's",
    "protocols": "against the same request over another protocol",
    "repeat": "the same request again",
    "rows": "a batch against its rows asked one by one",
}
AGAINST_THE_REFERENCE = ("answer", "random")

# How a worker loaded the source. Source: converter/worker/loading.py.
LOADED = {
    "native": "the file as it is",
    "architecture": "the architecture given, with the weights of the file",
    "translated": "its config translated to this Keras",
}

# Exit code -> what a run that ended with it is called.
ENDINGS = {
    1: "The answers differ",
    2: "Not carried out",
    3: "The source cannot be converted",
    4: "Refused as unsafe",
    5: "No toolchain",
    6: "Not served",
    7: "Not converted",
}


def headline(report: Report) -> Outcome:
    """How the run ended."""
    if report.error is not None:
        return Outcome("bad", ENDINGS.get(report.exit_code, "Ended by an error"))
    if report.saved_model is not None:
        return Outcome("good", "Verified")
    if report.proof is not None and report.proof.verdicts:
        return Outcome("good", "Proven and published")
    return Outcome("fair", "Published without proof")


def attempt_name(report: Report, attempt: AttemptReport) -> str:
    """A strategy; for a verification, which has none, what was asked."""
    if report.saved_model is not None:
        return "the SavedModel as it is"
    return f"{attempt.strategy}, frozen" if attempt.frozen else attempt.strategy


def protocol(name: str) -> str:
    """A protocol as it is written."""
    return PROTOCOLS.get(name, name)


def figure(value: float) -> str:
    """Three digits are enough to compare by."""
    return "∞" if value == math.inf else f"{value:.3g}"


def tolerance(value: float) -> str:
    """Three digits, rounded up, so that the tolerance passes when it is used as it is told."""
    digits = decimal.Context(prec=3, rounding=decimal.ROUND_CEILING)
    return figure(float(digits.create_decimal_from_float(value)))


def share(value: float) -> str:
    """A part of 1 in percent; 100 % and 0 % mean all and none."""
    if 0.0 < value < 1.0:
        value = min(max(value, 0.0001), 0.9999)
    return f"{100 * value:.4g} %"


def count(number: int, thing: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
