"""Tell what a run came to: on the terminal, as JSON, and in the files that were asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import click

from converter.cli import console
from converter.report import terminal
from converter.report.model import Report, as_dict


@dataclass
class Reporting:
    """Where a run's report goes. result: what the command prints on standard output."""

    folder: Path | None
    junit: Path | None
    as_json: bool
    result: str = ""

    def finish(self, report: Report) -> int:
        """Write and print everything; the exit code. Raises the report's error, unless as JSON."""
        if self.as_json:
            click.echo(json.dumps(as_dict(report), indent=1))
        else:
            for line in terminal.lines(report):
                console.say(line)
            if self.result:
                click.echo(self.result)
        self._write(report)
        if report.error is not None and not self.as_json:
            raise report.error
        return report.exit_code

    def _write(self, report: Report) -> None:
        if self.folder is None and self.junit is None:
            return
        from converter.report import files

        if self.folder is not None:
            files.write(report, self.folder)
        if self.junit is not None:
            files.write_junit(report, self.junit)
