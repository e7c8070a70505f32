"""The report as files: a page, Markdown, JSON and logs in a folder, JUnit in a file of its own."""

from __future__ import annotations

import json
from pathlib import Path

from converter.errors import ServingFailed, UsageError, WorkerError
from converter.report import html, junit, markdown
from converter.report.model import Report, as_dict


def write(report: Report, folder: Path) -> None:
    """Write report.html, .md and .json and <n>-<strategy>.log into `folder`. Raises UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(as_dict(report), indent=1) + "\n")
        (folder / "report.html").write_text(html.document(report), encoding="utf-8")
        (folder / "report.md").write_text(markdown.document(report), encoding="utf-8")
        for number, attempt in enumerate(report.attempts, start=1):
            if attempt.log_tail:
                (folder / f"{number}-{attempt.strategy}.log").write_text(attempt.log_tail)
        if isinstance(report.error, (WorkerError, ServingFailed)) and report.error.log_tail:
            (folder / "error.log").write_text(report.error.log_tail)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {folder}",
            why=str(error.strerror),
            fix="Choose another --report folder",
        ) from error


def write_junit(report: Report, path: Path) -> None:
    """Write the JUnit report to `path`. Raises UsageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(junit.document(report), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The JUnit report cannot be written to {path}",
            why=str(error.strerror),
            fix="Choose another --junit file",
        ) from error
