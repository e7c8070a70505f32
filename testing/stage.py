"""Where the recorded stories are told again: the embedded server in this process, model folders
that come and go, and somebody who keeps asking for the states.

Everything of `convert-h5 serve` but its process is there; the worker is shared by many servers, so
that TensorFlow is imported once. What is said about the process itself needs testing.servers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from converter.serving.server import flags as command_lines
from converter.serving.server.flags import CommandLine
from converter.serving.server.server import Listen, Server, first_models
from converter.serving.status import StatusError
from converter.serving.workers import Workers
from converter.toolchain import catalog
from converter.toolchain.pool import Pool
from testing import golden, narrated, servers
from testing.narrated import Logged

TOOLCHAIN = "tf2.15"
WAIT_SECONDS = 60.0
# The flags count whole seconds; polling faster changes no order and saves the tests a minute.
POLL_SECONDS: Any = 0.1
CLOSED = "REST port closed"
ONE_ROW = b'{"instances": [1.0]}'


class Embedded:
    """A server in this process and the thread that starts it."""

    def __init__(self, line: CommandLine, workers: Workers) -> None:
        flags = line.flags
        seconds = {
            name: POLL_SECONDS
            for name in ("file_system_poll_wait_seconds", "model_config_file_poll_wait_seconds")
            if getattr(flags, name) > 0
        }
        self.rest, self.grpc = flags.rest_api_port, flags.port
        self.server = Server(workers, dataclasses.replace(flags, **seconds))
        self._models, self._listen = first_models(flags), Listen.of(flags)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._start)
        self._thread.start()

    def _start(self) -> None:
        try:
            self.server.start(self._models, self._listen)
        except (StatusError, OSError) as error:
            self._error = error

    def wait_ready(self) -> None:
        """Return when it listens; raise why it does not."""
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive(), "the server still waits for its models"
        if self._error is not None:
            raise self._error

    def waiting(self) -> bool:
        """Whether it still waits for its models."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End it, whether it listens already or not."""
        self.server.stop()
        self._thread.join()

    def states(self, name: str = "m") -> str:
        """The states of a model as the recording writes them."""
        code, body = get(self.rest, f"/v1/models/{name}")
        if code is None:
            return CLOSED
        reply = json.loads(body)
        if code != 200:
            return f"{code} {reply['error']}"
        return ", ".join(map(_state, reply["model_version_status"]))

    def predict(self, of: str = "m") -> str:
        """See narrated.answer; x is 1, and `of` may go on with /versions/2."""
        code, body = get(self.rest, f"/v1/models/{of}:predict", ONE_ROW)
        return narrated.answer(f"{code} {body}")


class Watch:
    """Somebody who asks for the states of a model all the time, as long as it is entered.

    `seen` are the different answers, in order.
    """

    def __init__(self, server: Embedded, name: str = "m") -> None:
        self._server, self._name = server, name
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.seen: list[str] = []

    def __enter__(self) -> Watch:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _ask(self) -> None:
        while not self._done.wait(0.005):
            self._look()

    def _look(self) -> None:
        states = self._server.states(self._name)
        if self.seen[-1:] != [states]:
            self.seen.append(states)


class Stage:
    """A folder for models, and the log; makes servers.

    Model folders are made elsewhere and moved in at once, as nobody should see half a model.
    """

    def __init__(self, folder: Path, pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
        self.folder = folder
        self._pool = pool
        self._caplog = caplog
        self._wings = folder / "wings"
        self._wings.mkdir()
        self._moved = 0
        self._ticks = 0
        caplog.set_level(logging.INFO)

    # -- folders

    def put(self, place: str, model: str) -> Path:
        """Move a copy of a recorded version, "scale/1", in at `place`, "base/7"."""
        made = self._aside()
        shutil.copytree(golden.MODELS / model, made)
        target = self.folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        return made.rename(target)

    def put_base(self, base: str, **versions: str) -> Path:
        """Move in a base folder that is whole; `versions` as v1="scale/1"."""
        made = self._aside()
        for name, model in versions.items():
            shutil.copytree(golden.MODELS / model, made / name.removeprefix("v"))
        return made.rename(self.folder / base)

    def take(self, place: str) -> None:
        """Move a folder away."""
        (self.folder / place).rename(self._aside())

    def replace_file(self, place: str, source: str) -> None:
        """Put a recorded file in the place of another at once."""
        made = self._aside()
        shutil.copyfile(golden.MODELS / source, made)
        made.rename(self.folder / place)

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file at once; ${DIR} and ${MODELS} in a text are put in."""
        data = narrated.filled(text, self.folder).encode() if isinstance(text, str) else text
        made = self._aside()
        made.write_bytes(data)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return made.rename(path)

    def _aside(self) -> Path:
        self._moved += 1
        return self._wings / str(self._moved)

    # -- servers

    @contextlib.contextmanager
    def server(self, *flags: object) -> Iterator[Embedded]:
        """A server with these flags, not waited for. Raises StatusError."""
        ports = (f"--port={servers.free_port()}", f"--rest_api_port={servers.free_port()}")
        line = command_lines.parse([*ports, *map(str, flags)])
        line.check()
        with Workers(lambda: self._pool.link(catalog.get(TOOLCHAIN))) as workers:
            embedded = Embedded(line, workers)
            try:
                yield embedded
            finally:
                embedded.stop()

    @contextlib.contextmanager
    def serving(self, *flags: object) -> Iterator[Embedded]:
        """A server that listens. Raises StatusError or OSError when it comes to nothing."""
        with self.server(*flags) as embedded:
            embedded.wait_ready()
            yield embedded

    def config(self, *models: str) -> str:
        """The flag for a config file of these models, each `name: "m" base_path: "${DIR}/b"`, with
        a clock before them."""
        if not self._ticks:
            self._wind()
        clock = 'name: "clock" base_path: "${DIR}/clock"'
        return f"--model_config_file={self.write('models.config', model_list(clock, *models))}"

    def tick(self, server: Embedded) -> None:
        """Return when the server has seen everything that was done to the folders before.

        The clock is a model that stands first in the config, so it is looked at before the others;
        when a new version of it was found, so was all that is older.
        """
        self._wind()
        until(lambda: f"{self._ticks} AVAILABLE" in server.states("clock"), self.lines)

    def _wind(self) -> None:
        self._ticks += 1
        self.put(f"clock/{self._ticks}", "scale/1")

    # -- the log

    def forget(self) -> None:
        """Begin the log anew."""
        self._caplog.clear()

    def lines(self, level: str = "") -> list[str]:
        """The lines logged so far, of one level or all."""
        records = [r for r in self._caplog.records if level in ("", r.levelname)]
        return [line for r in records for line in r.getMessage().splitlines()]

    def await_logged(self, *recorded: Logged, times: int = 1) -> None:
        """Return when each recorded line was logged, so many times.

        The words are the recorded ones but for the time that a warm-up took.
        """
        for wanted in recorded:
            text = _timeless(narrated.filled(wanted.text, self.folder))
            until(
                lambda text=text, level=wanted.level: (  # type: ignore[misc]
                    list(map(_timeless, self.lines(level))).count(text) >= times
                ),
                lambda text=text: "\n".join([f"not logged: {text}", *self.lines()]),  # type: ignore[misc]
            )


def model_list(*models: str) -> str:
    """A config file of these models, for TensorFlow all of them."""
    listed = "\n".join(f'  config {{ {model} model_platform: "tensorflow" }}' for model in models)
    return f"model_config_list {{\n{listed}\n}}\n"


def get(port: int, path: str, body: bytes | None = None) -> tuple[int | None, str]:
    """Status and body; (None, "") where nobody listens. With a body it is a POST."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET" if body is None else "POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except ConnectionRefusedError:
        return None, ""
    finally:
        connection.close()


def until(holds: Callable[[], bool], told: Callable[[], object]) -> None:
    """Return when `holds`; raise with what is `told` when it takes far too long."""
    end = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < end, told()
        time.sleep(0.005)


def _state(version: dict[str, Any]) -> str:
    status = version["status"]
    text = f"{version['version']} {version['state']}"
    if status["error_code"] == "OK":
        return text
    return f"{text} ({status['error_code']}: {status['error_message']})"


def _timeless(line: str) -> str:
    return line.partition("Elapsed time (microseconds)")[0]
