"""Run the real command line as a user does: another process, its exit code, what it printed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The last line for people: the error, when there is one."""
        lines = self.err.strip().splitlines()
        return lines[-1] if lines else ""


def command(*arguments: object) -> list[str]:
    """The argument list that starts `convert-h5`."""
    return [sys.executable, "-m", "converter.cli.main", *map(str, arguments)]


def run(*arguments: object, **environment: str) -> Done:
    """Run `convert-h5` to its end."""
    done = subprocess.run(
        command(*arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    return Done(done.returncode, done.stdout, done.stderr)


def in_foreground() -> None:
    """For preexec_fn: heed SIGINT, which jobs that a shell put in the background ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def versions(export_folder: Path) -> list[str]:
    """What is to be seen in an export folder, hidden staging folders included."""
    if not export_folder.exists():
        return []
    return sorted(p.name for p in export_folder.iterdir())
