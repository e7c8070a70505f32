"""Run a module of this package in a child process that may crash, hang or eat memory.

A damaged file can do all of that to the HDF5 library (seen with one in 500 of a valid file's
mutations); then the child dies, and the caller gets a typed error. Questions and answers are JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import converter
from converter import errors
from converter.errors import ConvertH5Error

MEMORY_BYTES = 8 * 1024**3
ROOT = Path(converter.__file__).absolute().parents[1]
HANDED_ON = ("PATH", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "TMPDIR")


class ChildBroken(Exception):
    """The child gave no answer; the text says how it ended."""


def ask(module: str, arguments: Sequence[str], *, seconds: float, given: object = None) -> Any:
    """The answer of `module`, run as a child with `arguments` and `given` on standard input.

    Raises the ConvertH5Error that the child ended with, and ChildBroken.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            input=json.dumps(given).encode(),
            capture_output=True,
            check=False,
            timeout=seconds,
            env=_environment(),
            cwd=ROOT,  # never the caller's folder: Python would import modules from it
        )
    except subprocess.TimeoutExpired as error:
        raise ChildBroken(f"it took more than {seconds:g} s") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        told = "".join(f", {line}" for line in last)
        raise ChildBroken(f"it ended with code {done.returncode}{told}") from None
    if "error" in answer:
        told = answer["error"]
        cls: type[ConvertH5Error] = getattr(errors, told["class"])
        raise cls(told["what"], why=told["why"], fix=told["fix"])
    return answer["answer"]


def _environment() -> dict[str, str]:
    environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    environment["PYTHONPATH"] = str(ROOT)
    environment["OPENBLAS_NUM_THREADS"] = "1"
    return environment


def answer(work: Callable[[Any], Any], *, seconds: float) -> int:
    """The child's side: do `work` on what is given, within limits, and print its answer.

    A ConvertH5Error is told to the caller; anything else ends the child with a trace.
    """
    _limit(seconds)
    given = json.loads(sys.stdin.buffer.read())
    try:
        told: dict[str, Any] = {"answer": work(given)}
    except ConvertH5Error as error:
        said = {"what": error.what, "why": error.why, "fix": error.fix}
        told = {"error": {"class": type(error).__name__, **said}}
    sys.stdout.write(json.dumps(told))
    return 0


def _limit(seconds: float) -> None:
    """Bound memory and time: a loop without end must not outlive a parent that was killed."""
    import resource

    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: int(seconds),
    }
    for kind, wanted in limits.items():
        _, hard = resource.getrlimit(kind)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (most, hard))
