"""A started container: waiting for its model, and telling why it failed."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converter.serving.docker.engines import QUICK, Engine, in_container
from converter.serving.docker.errors import (
    ContainerDied,
    DockerError,
    EngineRefused,
    ModelNotLoaded,
    NotReady,
    PortsUnseen,
    WrongArchitecture,
)
from converter.serving.endpoint import Endpoint

if TYPE_CHECKING:
    from docker.models.containers import Container

# Ports of TensorFlow Serving inside its image.
GRPC, REST = 8500, 8501

LOG_TAIL_BYTES = 6000
LOG_TAIL_LINES = 400
POLL = 0.1  # seconds between two looks at a model that is still loading
GRACE = 1.0  # seconds that an engine may need to notice that a container has ended
LARGEST_STATUS = 1_000_000

LOADING_FAILED = re.compile(r"(?:cannot be loaded|Loading servable: \{.*\} failed): (?P<why>.+)")
LISTENING = re.compile(r"Exporting HTTP/REST API")
FOREIGN = re.compile(r"exec format error", re.I)
ILLEGAL = re.compile(r"illegal instruction", re.I)


@dataclass(frozen=True)
class Served:
    """A container that was started to serve `version` of the model `name`."""

    engine: Engine
    container: Container
    name: str
    version: int

    def wait(self, description: str, seconds: float) -> Endpoint:
        """Wait until the model is AVAILABLE.

        Not the HTTP status but the state in the answer counts: the server answers 200 while the
        model is LOADING, and when it has given up (END).
        Raises ModelNotLoaded, ContainerDied, WrongArchitecture, NotReady, PortsUnseen, EngineGone
        and EngineRefused.
        """
        deadline = time.monotonic() + seconds
        last = ""
        while time.monotonic() < deadline:
            self.check()
            rest, grpc = self._port(REST), self._port(GRPC)
            state, told = model_state(rest, self.name, self.version)
            if state == "AVAILABLE":
                return Endpoint(
                    f"http://127.0.0.1:{rest}", f"127.0.0.1:{grpc}", description, self.log_tail
                )
            if state == "END":
                raise self._not_loaded(told)
            if not state and self._beyond(rest):
                raise self._unreachable(rest)
            last = state or last
            time.sleep(POLL)
        raise NotReady(
            f"The model was not AVAILABLE after {seconds:g} s",
            why=f"its last state was {last}" if last else "its port never answered",
            fix="The tail of the server's log tells more",
            log_tail=self.log_tail(),
        )

    def check(self) -> None:
        """Raise what ended the container, if it has ended; EngineGone if nobody can tell."""
        import docker

        with self.engine.told("look at the container"):
            try:
                self.container.reload()
            except docker.errors.NotFound as error:
                raise ContainerDied(
                    "The container was removed under way", fix="Repeat the command"
                ) from error
        state = self.container.attrs["State"]
        if state.get("Status") in ("exited", "dead", "stopped", "removing"):
            raise self._died(state)

    def blame(self, error: Exception) -> None:
        """Raise the end of the container or the engine, if that is what is behind `error`."""
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            try:
                self.check()
            except DockerError as cause:
                raise cause from error
            time.sleep(POLL)

    def log_tail(self) -> str:
        """The last lines the server wrote; empty where nobody can tell."""
        import docker

        with contextlib.suppress(docker.errors.DockerException, OSError):
            log = self.container.logs(tail=LOG_TAIL_LINES)
            return log[-LOG_TAIL_BYTES:].decode("utf-8", "replace")
        return ""

    def _beyond(self, port: int) -> bool:
        """Whether the server listens, but on the loopback of another network than ours."""
        return (
            not _is_open(port)
            and LISTENING.search(self.log_tail()) is not None
            and not _is_open(port)  # it may have begun to between the two looks
        )

    def _port(self, inside: int) -> int:
        """The port of this machine's loopback that leads to the port `inside` the container."""
        published = self.container.ports.get(f"{inside}/tcp") or ()
        for binding in published:
            if binding["HostIp"] == "127.0.0.1":
                return int(binding["HostPort"])
        raise EngineRefused(
            f"{self.engine.facts.name} did not publish port {inside} on the loopback",
            why=f"it published {list(published)}",
        )

    def _unreachable(self, port: int) -> PortsUnseen:
        inside = ", perhaps because convert-h5 runs inside a container" if in_container() else ""
        return PortsUnseen(
            f"The ports that {self.engine.facts.name} published cannot be reached",
            why=f"the server listens, but nothing answers on 127.0.0.1:{port}{inside}",
            fix="Give this container the host's network, or use --serving local",
            log_tail=self.log_tail(),
        )

    def _died(self, state: dict[str, Any]) -> DockerError:
        tail = self.log_tail()
        code = int(state.get("ExitCode") or 0)
        refused = LOADING_FAILED.search(tail)
        if refused:
            return self._not_loaded(refused["why"], tail)
        if FOREIGN.search(tail):
            return WrongArchitecture(
                "The image cannot run here",
                why="its program is built for another kind of processor",
                fix="Name another image with --serving-image, or use --serving local",
                log_tail=tail,
            )
        return ContainerDied(
            "The container of TensorFlow Serving ended",
            why=_cause_of_death(code, bool(state.get("OOMKilled")), tail),
            fix="The tail of its log tells more",
            log_tail=tail,
        )

    def _not_loaded(self, why: str, tail: str | None = None) -> ModelNotLoaded:
        return ModelNotLoaded(
            "TensorFlow Serving could not load the model",
            why=why.strip(),
            fix="Another serving release may, or try --freeze",
            log_tail=self.log_tail() if tail is None else tail,
        )


def model_state(port: int, name: str, version: int) -> tuple[str, str]:
    """(state, error message) that the server on this loopback port tells of a version.

    Two empty texts while it tells nothing of it.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=QUICK)
    try:
        connection.request("GET", f"/v1/models/{name}")
        told = json.loads(connection.getresponse().read(LARGEST_STATUS))
        for entry in told["model_version_status"]:
            if int(entry["version"]) == version:
                status = entry.get("status") or {}
                words = f"{status.get('error_code', '')}: {status.get('error_message', '')}"
                return str(entry["state"]), words
    except (OSError, http.client.HTTPException, ValueError, TypeError, LookupError):
        pass  # not yet listening, or nothing to tell
    finally:
        connection.close()
    return "", ""


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=QUICK).close()
    except OSError:
        return False
    return True


def _cause_of_death(code: int, out_of_memory: bool, tail: str) -> str:
    """Why a server ended, from the exit code of its container and the last lines of its log."""
    last = next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "")
    said = f"; its last line was: {last}" if last else ""
    if out_of_memory:
        return "it needed more memory than it may take"
    if code == 128 + signal.SIGKILL:
        return f"it was killed (SIGKILL, exit code {code}); most often the memory ran out"
    if code == 128 + signal.SIGILL or ILLEGAL.search(tail):
        known = "" if _has_avx() else ", which /proc/cpuinfo does not list"
        return f"it uses instructions that this processor lacks, most often AVX{known}{said}"
    if code - 128 in signal.valid_signals():
        return f"it ended by {signal.strsignal(code - 128)} (exit code {code}){said}"
    return f"it ended with exit code {code}{said}"


def _has_avx() -> bool:
    try:
        return " avx " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return True
