"""What happened in one run, as data; each format in this package writes the same thing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converter.errors import ConvertH5Error
from converter.options import Options

if TYPE_CHECKING:
    from converter.verdict.compare import Verdict
    from converter.verdict.diagnosis import Diagnosis


@dataclass
class AttemptReport:
    """One strategy tried.

    outcome: `published`, `proven` (another step failed), `converted` (no proof asked for),
    `differs`, `failed` (it did not convert) or `not served` (it did not load or answer). error: the
    reason, on one line. log_tail: the last lines of the log of what failed. not_asked: protocols
    over which the model cannot be asked, and why. diagnosis: what is wrong with it, if looked into.
    """

    strategy: str
    toolchain: str
    frozen: bool
    outcome: str = "failed"
    error: str = ""
    log_tail: str = ""
    loaded: str = ""
    verdicts: list[Verdict] = field(default_factory=list)
    not_asked: list[tuple[str, str]] = field(default_factory=list)
    diagnosis: Diagnosis | None = None
    seconds: float = 0.0


@dataclass
class Report:
    """One run, from the source to the published folder or the reason why there is none.

    saved_model: the version folder that was verified; None for a conversion. export_folder: where
    a conversion was to publish. options: what was asked. started: when, with its time zone.
    batches: dtype and shape of each input of each batch asked, such as `float32[4, 28, 28, 1]`.
    """

    source: Path
    saved_model: Path | None = None
    sha256: str = ""
    writer: str = ""
    plan: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reference: str = ""
    scale: float | None = None
    sensitivity: float | None = None
    serving: str = ""
    rule: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attempts: list[AttemptReport] = field(default_factory=list)
    published: Path | None = None
    error: ConvertH5Error | None = None
    export_folder: Path | None = None
    options: Options = field(default_factory=Options)
    started: datetime | None = None
    batches: list[dict[str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when published, else the error's."""
        return self.error.exit_code if self.error else 0

    @property
    def proof(self) -> AttemptReport | None:
        """The attempt that was published."""
        return next((a for a in self.attempts if a.outcome == "published"), None)


def as_dict(report: Report) -> dict[str, Any]:
    """The report as a JSON document, schema `convert-h5/report/1`."""
    error = report.error
    return {
        "schema": "convert-h5/report/1",
        "source": {"path": str(report.source), "sha256": report.sha256, "writer": report.writer},
        "saved_model": str(report.saved_model) if report.saved_model else None,
        "plan": report.plan,
        "notes": report.notes,
        "reference": {
            "origin": report.reference,
            "scale": report.scale,
            "sensitivity": report.sensitivity,
        },
        "started": report.started.isoformat() if report.started else None,
        "serving": report.serving,
        "batches": report.batches,
        "rule": report.rule,
        "inputs": report.inputs,
        "outputs": report.outputs,
        "attempts": [_attempt(a) for a in report.attempts],
        "published": str(report.published) if report.published else None,
        "exit_code": report.exit_code,
        "error": {"id": error.id, "message": error.line()} if error else None,
    }


def _attempt(attempt: AttemptReport) -> dict[str, Any]:
    fields = dict(vars(attempt))
    fields["verdicts"] = [v.as_dict() for v in attempt.verdicts]
    fields["diagnosis"] = attempt.diagnosis.as_dict() if attempt.diagnosis else None
    fields["seconds"] = round(attempt.seconds, 3)
    return fields
