"""Say why a SavedModel does not answer as its source does, where, by how much, and what to try."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from converter.source.model import SourceModel
from converter.text import printable, shortened
from converter.verdict import messages
from converter.verdict.case import Case, LayerFacts, by_contract
from converter.verdict.causes import CAUSES, Cause
from converter.verdict.compare import compare
from converter.verdict.evidence import Evidence

# Seconds that a diagnosis may take.
BUDGET = 180.0
UNKNOWN = "unknown"
# Names that are told; the rest are counted.
TOLD = 5


@dataclass(frozen=True)
class Diagnosis:
    """What is the matter with a SavedModel, as far as it can be told.

    cause: the id of a row of causes.CAUSES or messages.MESSAGES, or `unknown`. explanation, advice:
    without an end stop. known_from: repository#issue. layer: the path of the first layer that
    differs, '' where none is to blame or none can be told; class_name: its class. max_abs: by how
    much its output differs. evidence: what was found, in sentences without an end stop.
    """

    cause: str
    explanation: str
    advice: str = ""
    known_from: str = ""
    layer: str = ""
    class_name: str = ""
    max_abs: float | None = None
    evidence: tuple[str, ...] = ()
    seconds: float = 0.0

    def line(self) -> str:
        """All but the evidence on one line, fit for a terminal."""
        where = f"{self.layer} ({self.class_name})" if self.class_name else self.layer
        if self.max_abs is not None:
            where += f", off by {self.max_abs:.2g}"
        said = f"{self.explanation} [{self.cause}]"
        parts = (where, said, self.advice)
        return ". ".join(shortened(printable(part)) for part in parts if part) + "."

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "evidence": list(self.evidence), "seconds": round(self.seconds, 3)}


def explain(text: str, source: SourceModel | None = None) -> Diagnosis | None:
    """What a message of Keras, TensorFlow or a server means; None when nothing is known of it."""
    found = messages.read(text)
    if found is None:
        return None
    row, named = found
    layer = messages.layer_named(named, source) if source is not None and named else ""
    classes = [x.class_name for x in source.layers if x.path == layer] if source else []
    return Diagnosis(
        row.id,
        f"{row.explanation} ({named})" if named else row.explanation,
        row.advice,
        row.source,
        layer=layer,
        class_name=classes[0] if classes else "",
        evidence=(shortened(printable(text)),),
    )


def diagnose(case: Case, seconds: float = BUDGET) -> Diagnosis:
    """What is the matter with `case`. Never raises: what cannot be told is said to be so."""
    started = time.monotonic()
    evidence = Evidence(by_contract(case), seconds)
    try:
        found = _of_messages(case, evidence) or _of_causes(evidence) or _unknown(evidence)
    except Exception as error:  # a diagnosis must never be the reason of a failure
        found = Diagnosis(UNKNOWN, f"It could not be told: {type(error).__name__}: {error}")
    return Diagnosis(**{**vars(found), "seconds": time.monotonic() - started})


def _of_messages(case: Case, evidence: Evidence) -> Diagnosis | None:
    """What the messages tell: the server's, and those of a session."""
    for text in (evidence.asked.error, case.problem):
        found = explain(text, case.source) if text else None
        if found is not None:
            return found
    return None


def _of_causes(evidence: Evidence) -> Diagnosis | None:
    for cause in CAUSES:
        if _has_numbers(evidence) or cause.id == "keys-renamed":
            told = cause.told(evidence)
            if told:
                return _because(cause, told, evidence)
    return None


def _has_numbers(evidence: Evidence) -> bool:
    return bool(evidence.answers)


def _because(cause: Cause, told: str, evidence: Evidence) -> Diagnosis:
    layer = evidence.look.first if cause.of_layer else None
    return Diagnosis(
        cause.id,
        cause.explanation,
        cause.advice,
        cause.source,
        **_where(layer, evidence),
        evidence=(told, *_figures(evidence), *evidence.gaps),
    )


def _unknown(evidence: Evidence) -> Diagnosis:
    error = evidence.asked.error or evidence.case.problem
    layer = evidence.look.first
    if layer is not None:
        said = "This is the first layer that differs; nothing known explains it"
    elif evidence.look.lost:
        said = "The layers that differ cannot be told: the graph does not name them"
    elif error:
        said = "The SavedModel cannot be loaded or asked, for a reason that is not known here"
    else:
        said = "It could not be told"
    return Diagnosis(
        UNKNOWN,
        said,
        "Report it with this diagnosis",
        **_where(layer, evidence),
        evidence=(
            *([shortened(printable(error))] if error else []),
            *_figures(evidence),
            *evidence.gaps,
        ),
    )


def _where(layer: LayerFacts | None, evidence: Evidence) -> dict[str, Any]:
    if layer is None:
        return {}
    described = evidence.case.layer(layer.path)
    return {
        "layer": layer.name,
        "class_name": described.class_name if described else "",
        "max_abs": layer.max_abs,
    }


def _figures(evidence: Evidence) -> Iterator[str]:
    """What was compared, in words."""
    case, answers, look = evidence.case, evidence.answers, evidence.look
    for key, wanted in case.expected.items():
        if key in answers:
            verdict = compare(wanted, answers[key], case.rule, output=key)
            if not verdict.passed:
                yield f"{key}: {verdict.problem}, off by {verdict.max_abs:.2g}"
    first = look.first
    if first is not None:
        agreeing = [layer.name for layer in look.layers if layer.agrees]
        yield f"{len(agreeing)} of {len(look.layers)} layers agree"
        reads = [read if isinstance(read, str) else "/".join(read) for read in first.reads]
        if reads:
            yield f"{first.name} reads {', '.join(reads)}, which agree"
    if look.lost:
        names = [layer.name for layer in look.lost]
        more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
        yield f"not found in the graph: {', '.join(names[:TOLD])}{more}"
