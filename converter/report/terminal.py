"""The report for people, as lines."""

from __future__ import annotations

from collections.abc import Iterator

from converter.report.model import AttemptReport, Report

MARKS = {"published": "✓", "proven": "✓", "converted": "✓"}


def lines(report: Report) -> Iterator[str]:
    """What was tried and what came of it; the error itself is told by the command line."""
    yield from report.plan
    yield from (f"note: {note}" for note in report.notes)
    for attempt in report.attempts:
        yield _attempt(attempt, report)
        yield from (f"  not over {protocol}: {why}" for protocol, why in attempt.not_asked)
        if attempt.diagnosis is not None:
            yield f"  diagnosis: {attempt.diagnosis.line()}"
    if report.published is not None:
        yield f"inputs: {', '.join(report.inputs)}; outputs: {', '.join(report.outputs)}"


def _attempt(attempt: AttemptReport, report: Report) -> str:
    mark = MARKS.get(attempt.outcome, "✗")
    name = f"{attempt.strategy}, frozen" if attempt.frozen else attempt.strategy
    text = f"{mark} {name} in {attempt.toolchain} ({attempt.seconds:.1f} s): "
    if attempt.error:
        return text + f"{attempt.outcome}, {attempt.error}"
    if not attempt.verdicts:
        done = "published" if attempt.outcome == "published" else "converted"
        return text + f"{done} without proof"
    worst = max(v.max_abs for v in attempt.verdicts)
    return text + (
        f"proven in {report.serving} against {report.reference}: "
        f"{len(attempt.verdicts)} comparisons, largest difference {worst:.2g} "
        f"(rule {report.rule}, rounding alone {report.sensitivity or 0:.2g})"
    )
