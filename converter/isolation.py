"""Do work of this package in a child process that may crash, hang or eat memory.

A damaged file can do all of that to the HDF5 library (seen with one in 500 of a valid file's
mutations); then the child dies, and the caller gets a typed error. Questions and answers are JSON,
one on a line.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import converter
from converter import errors
from converter.errors import ConvertH5Error

MEMORY_BYTES = 8 * 1024**3
ROOT = Path(converter.__file__).absolute().parents[1]
HANDED_ON = ("PATH", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "TMPDIR")
LOG_TAIL_BYTES = 4000
# What a child imports that reads a file, and compiles it.
READS = ("converter.source.isolated", "converter.source.contents")
COMPILES = (*READS, "converter.direct.process", "converter.direct.compile")

# Does what is asked for, in the child: takes and gives what JSON can hold.
Work = Callable[[Any], Any]


class ChildBroken(Exception):
    """The child gave no answer; the text says how it ended."""


class Child:
    """A child process, started at once: it imports `modules` while the caller goes on.

    A context manager that ends it. After it broke, the next question starts another one.
    """

    def __init__(self, *modules: str) -> None:
        self._modules = modules
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = self._start()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._log.close()

    def ask(self, module: str, given: object, *, seconds: float) -> Any:
        """What the function `work` of `module` makes of `given`.

        Raises the ConvertH5Error that it raised, and ChildBroken.
        """
        if self._process.poll() is not None:
            self._end()
            self._process = self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Event()

        def kill() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(seconds, kill)
        timer.start()
        try:
            question = json.dumps({"module": module, "given": given, "seconds": seconds})
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(question.encode() + b"\n")
                self._process.stdin.flush()
            answer = _parsed(self._process.stdout.readline())
        except BaseException:
            self._ended()  # its answer would be taken for that to the next question
            raise
        finally:
            timer.cancel()
        if answer is None:
            ended = self._ended()
            raise ChildBroken(f"it took more than {seconds:g} s" if late.is_set() else ended)
        if "error" in answer:
            told = answer["error"]
            cls: type[ConvertH5Error] = getattr(errors, told["class"])
            raise cls(told["what"], why=told["why"], fix=told["fix"])
        return answer["answer"]

    def _start(self) -> subprocess.Popen[bytes]:
        self._log.seek(0)
        self._log.truncate()  # of the one before
        return subprocess.Popen(
            [sys.executable, "-m", __name__, *self._modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(),
            cwd=ROOT,  # never the caller's folder: Python would import modules from it
        )

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ended(self) -> str:
        """End the child, where it lives on; how it ended."""
        self._process.kill()
        code = self._process.wait()
        self._log.seek(-min(LOG_TAIL_BYTES, self._log.seek(0, os.SEEK_END)), os.SEEK_END)
        last = self._log.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        return f"it ended with code {code}" + "".join(f", {line}" for line in last)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(line)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _environment() -> dict[str, str]:
    environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    environment["PYTHONPATH"] = str(ROOT)
    environment["OPENBLAS_NUM_THREADS"] = "1"
    return environment


def main(modules: list[str]) -> int:
    """The child: answer question after question, each within its limits.

    A ConvertH5Error is told to the caller; anything else ends the child with a trace.
    """
    # What the terminal interrupts is the caller, who ends its child.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for module in modules:
        importlib.import_module(module)
    for line in sys.stdin.buffer:
        question = json.loads(line)
        _limit(question["seconds"])
        work: Work = importlib.import_module(question["module"]).work
        try:
            told: dict[str, Any] = {"answer": work(question["given"])}
        except ConvertH5Error as error:
            said = {"what": error.what, "why": error.why, "fix": error.fix}
            told = {"error": {"class": type(error).__name__, **said}}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    return 0


def _limit(seconds: float) -> None:
    """Bound memory and time: a loop without end must not outlive a parent that was killed."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: int(used.ru_utime + used.ru_stime + seconds) + 1,
    }
    for kind, wanted in limits.items():
        _, hard = resource.getrlimit(kind)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (most, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
