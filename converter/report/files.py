"""The report as a folder: report.json, and the log tail of each attempt that failed."""

from __future__ import annotations

import json
from pathlib import Path

from converter.errors import UsageError, WorkerError
from converter.report.model import Report, as_dict


def write(report: Report, folder: Path) -> None:
    """Write `folder`/report.json and `folder`/<n>-<strategy>.log. Raises UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(as_dict(report), indent=1) + "\n")
        for number, attempt in enumerate(report.attempts, start=1):
            if attempt.log_tail:
                (folder / f"{number}-{attempt.strategy}.log").write_text(attempt.log_tail)
        if isinstance(report.error, WorkerError):
            (folder / "worker.log").write_text(report.error.log_tail)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {folder}",
            why=str(error.strerror),
            fix="Choose another --report folder",
        ) from error
