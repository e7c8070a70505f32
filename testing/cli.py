"""Run the real command line as a user does: another process, its exit code, what it printed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# Put before a program's arguments: it heeds SIGINT, which jobs that a shell put in the background
# ignore. Not preexec_fn, for which Python forks: where gRPC has threads, 46 of 3,000 such children
# died of SIGABRT before they began (grpcio 1.85.1, https://github.com/grpc/grpc/issues/43055).
IN_FOREGROUND = ("env", "--default-signal=INT")


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


def versions(export_folder: Path) -> list[str]:
    """What is to be seen in an export folder, hidden staging folders included."""
    if not export_folder.exists():
        return []
    return sorted(p.name for p in export_folder.iterdir())
