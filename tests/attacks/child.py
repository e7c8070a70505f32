"""Read files in a child process, so that a crash or a hang of the HDF5 library is only an answer.

Run as a module it takes paths on standard input and answers each with one line.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from pathlib import Path

# Far longer than any file here takes; only a hang is longer.
PATIENCE = 20.0
DEADLINE = 5.0


class Child:
    """A process that reads one file after the other; started again after a crash or a hang."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()

    def read(self, path: Path) -> str:
        """`read`, the id of an expected error, or what went wrong instead."""
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        try:
            answer = self._answers.get(timeout=PATIENCE)
        except queue.Empty:
            self.close()
            return "HANGS"
        if not answer:
            code = process.wait()
            self.close()
            return f"DIES with {code}"
        return answer.strip()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        answers = self._answers = queue.Queue()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.child"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

        def listen() -> None:
            assert process.stdout is not None
            while answer := process.stdout.readline():
                answers.put(answer)
            answers.put("")

        threading.Thread(target=listen, daemon=True).start()
        return process


def answer(path: Path) -> str:
    """What reading `path` comes to."""
    from converter.errors import ConvertH5Error
    from converter.source import isolated
    from converter.source.read import read

    isolated.DEADLINE = DEADLINE

    try:
        read(path)
    except ConvertH5Error as error:
        return error.id
    except Exception as error:
        return f"RAISES {type(error).__name__}: {error}".splitlines()[0]
    return "read"


if __name__ == "__main__":
    for line in sys.stdin:
        print(answer(Path(line.rstrip("\n"))), flush=True)
