"""`convert-h5 serve` as a process of its own, on ports of its own."""

from __future__ import annotations

import contextlib
import http.client
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from testing import cli

STARTING_SECONDS = 240.0


@dataclass
class Serving:
    """A server that was started: where it listens, its process and its log."""

    rest: int
    grpc: int
    process: subprocess.Popen[bytes]
    log: Path

    def log_text(self) -> str:
        """All it said so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self) -> None:
        """Return when it answers; raise with its log when it ended or takes too long."""
        end = time.monotonic() + STARTING_SECONDS
        while not answers(self.rest):
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the server does not answer:\n{self.log_text()[-4000:]}")
            time.sleep(0.05)

    def wait_end(self, seconds: float = STARTING_SECONDS) -> int:
        """Its exit code."""
        return self.process.wait(seconds)


def free_port() -> int:
    """A port of this machine that nobody listens on right now.

    Below those that the system gives to clients, so that no connection takes it in the meantime.
    """
    while True:
        port = random.randrange(12_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def answers(port: int) -> bool:
    """Whether something on `port` speaks HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/v1/models")
        return connection.getresponse().status > 0
    except OSError:
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def start(folder: Path, *flags: object, toolchain: str = "tf2.15") -> Iterator[Serving]:
    """A `convert-h5 serve` with these flags, not waited for; ended with the context."""
    rest, rpc = free_port(), free_port()
    log = folder / f"server-{rest}.log"
    arguments = cli.command(
        "serve",
        f"--port={rpc}",
        f"--rest_api_port={rest}",
        f"--toolchain={toolchain}",
        *flags,
    )
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*cli.IN_FOREGROUND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Serving(rest, rpc, process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def running(folder: Path, *flags: object, toolchain: str = "tf2.15") -> Iterator[Serving]:
    """A server that answers."""
    with start(folder, *flags, toolchain=toolchain) as serving:
        serving.wait_ready()
        yield serving
