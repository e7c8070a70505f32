"""Read a file's contents in a child process.

A damaged file can crash the HDF5 library or make it loop for ever (seen with one in 500 of a valid
file's mutations); then the child dies, and the caller gets a typed error. What comes back is JSON.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import converter
from converter import errors
from converter.errors import ConvertH5Error, SourceError, SourceTruncated
from converter.source.model import Contents, Finding, WeightFacts

# No dataset is read, so that even the largest model takes a second or two.
DEADLINE = 60.0
MEMORY_BYTES = 8 * 1024**3
ROOT = Path(converter.__file__).absolute().parents[1]
HANDED_ON = ("PATH", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "TMPDIR")


def contents(path: Path, size: int, name: Path) -> Contents:
    """The Contents of the file at `path`, which is called `name` in messages.

    Raises the SourceError that fits; SourceTruncated when the HDF5 library crashes or hangs.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(path.absolute()), str(size)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=DEADLINE,
            env=_environment(),
            cwd=ROOT,  # never the caller's folder: Python would import modules from it
        )
    except subprocess.TimeoutExpired as error:
        raise _broken(name, f"reading it took more than {DEADLINE:g} s") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        why = f"reading it ended with code {done.returncode}" + "".join(f", {x}" for x in last)
        raise _broken(name, why) from None
    if "error" in answer:
        told = answer["error"]
        cls: type[SourceError] = getattr(errors, told["class"])
        what = told["what"].replace(str(path.absolute()), str(name))
        raise cls(what, why=told["why"], fix=told["fix"])
    return _rebuilt(answer["contents"])


def _environment() -> dict[str, str]:
    environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    environment["PYTHONPATH"] = str(ROOT)
    environment["OPENBLAS_NUM_THREADS"] = "1"
    return environment


def _broken(path: Path, why: str) -> SourceTruncated:
    return SourceTruncated(
        f"{path} is damaged beyond what the HDF5 library can read",
        why=why,
        fix="Copy or download it again and compare the sizes",
    )


def _rebuilt(plain: dict[str, Any]) -> Contents:
    weights = dict(plain["weights"], names=tuple(plain["weights"]["names"]))
    return Contents(
        **dict(
            plain,
            weights=WeightFacts(**weights),
            first_shapes={k: tuple(v) for k, v in plain["first_shapes"].items()},
            findings=tuple(Finding(**f) for f in plain["findings"]),
        )
    )


def main(arguments: list[str]) -> int:
    """The child: look at the file and print what it holds, or the error, as JSON."""
    import resource

    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CORE: 0,
        # A loop without end must not outlive a parent that was killed.
        resource.RLIMIT_CPU: int(DEADLINE),
    }
    for kind, wanted in limits.items():
        _, hard = resource.getrlimit(kind)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (most, hard))
    from converter.source import contents as looking

    try:
        found = looking.look(Path(arguments[0]), int(arguments[1]))
        answer: dict[str, Any] = {"contents": dataclasses.asdict(found)}
    except ConvertH5Error as error:
        told = {"what": error.what, "why": error.why, "fix": error.fix}
        answer = {"error": {"class": type(error).__name__, **told}}
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
