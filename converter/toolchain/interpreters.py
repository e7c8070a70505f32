"""Find a Python interpreter of a wanted version: on PATH, in pyenv, or through uv."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

_VERSION_PROBE = "import sys; print('%d.%d' % sys.version_info[:2])"


def _pyenv_roots() -> Iterator[Path]:
    """PYENV_ROOT, the parents of any pyenv shims on PATH, and ~/.pyenv."""
    if os.environ.get("PYENV_ROOT"):
        yield Path(os.environ["PYENV_ROOT"])
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if Path(entry).name == "shims":
            yield Path(entry).parent
    yield Path.home() / ".pyenv"


def _candidates(version: str) -> Iterator[Path]:
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        folder = Path(entry)
        if entry and folder.name != "shims":  # a shim of a version that is not selected only fails
            yield folder.absolute() / f"python{version}"
    for root in _pyenv_roots():
        pattern = re.compile(rf"{re.escape(version)}\.\d+$")
        try:
            found = [p for p in (root / "versions").iterdir() if pattern.fullmatch(p.name)]
        except OSError:
            continue
        for home in sorted(found, key=lambda p: int(p.name.rsplit(".", 1)[1]), reverse=True):
            yield home / "bin" / f"python{version}"


def _runs(python: Path, version: str) -> bool:
    if not os.access(python, os.X_OK):
        return False
    try:
        answer = subprocess.run(
            [str(python), "-I", "-S", "-c", _VERSION_PROBE],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            check=False,
            text=True,
            errors="replace",
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.strip() == version


@functools.cache
def find(version: str) -> Path | None:
    """The absolute path of a working Python `version` ('3.7'), or None."""
    return next((p for p in _candidates(version) if _runs(p, version)), None)
