"""Whatever ends a run, and whenever: no container stays, or the next run removes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from converter.serving.docker import owners
from converter.serving.docker.engines import Engine
from converter.serving.docker.images import ImageRef
from converter.serving.docker.runtime import DockerServing, remove_leftovers
from testing import cli

# Serves until it is interrupted, with the handlers that the command line installs.
SERVER = """
import signal, sys, time
from pathlib import Path
from converter.cli.main import _interrupt
from converter.serving.docker import owners
from converter.serving.docker.runtime import DockerServing
from converter.serving.docker.images import image_for
signal.signal(signal.SIGTERM, _interrupt)
signal.signal(signal.SIGINT, _interrupt)
print(owners.me(), flush=True)
try:
    ref = image_for("0.0", sys.argv[2])
    with DockerServing.open(ref) as runtime, runtime.serve(Path(sys.argv[1])) as endpoint:
        print(endpoint.rest, flush=True)
        time.sleep(300)
except KeyboardInterrupt:
    sys.exit(130)
"""


def _start(model: Path, serving: ImageRef) -> tuple[subprocess.Popen[str], str]:
    """A process that serves, and the label of its containers."""
    process = subprocess.Popen(
        [*cli.IN_FOREGROUND, sys.executable, "-c", SERVER, str(model), serving.repository],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def _wait_until_serving(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")


def _of(engine: Engine, owner: str) -> list[str]:
    filters = {"label": f"{owners.LABEL}={owner}"}
    return [str(c["Id"]) for c in engine.client.api.containers(all=True, filters=filters)]


def _wait_until_gone(engine: Engine, owner: str) -> None:
    """Another test's run may have begun to remove the same leftover, and still be at it."""
    for _ in range(100):
        if not _of(engine, owner):
            return
        time.sleep(0.1)
    raise AssertionError("it was not removed")


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_removes_its_container(
    engine: Engine, serving: ImageRef, model: Path, kind: signal.Signals
) -> None:
    process, owner = _start(model, serving)
    _wait_until_serving(process)
    assert len(_of(engine, owner)) == 1
    process.send_signal(kind)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert _of(engine, owner) == []


@pytest.mark.parametrize("tenths", range(8))
def test_a_run_that_is_interrupted_while_it_starts_its_server_leaves_nothing(
    engine: Engine, serving: ImageRef, model: Path, tenths: int
) -> None:
    process, owner = _start(model, serving)
    time.sleep(tenths / 10)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert _of(engine, owner) == []


# An interrupt that arrives exactly while the engine makes, or removes, the container.
INTERRUPTS_ITSELF = """
import os, signal, sys
from pathlib import Path
from converter.serving.docker import owners
from converter.serving.docker.runtime import DockerServing
from converter.serving.docker.images import image_for
import docker
kind, name = {"create": (docker.models.containers.ContainerCollection, "create"),
              "remove": (docker.APIClient, "remove_container")}[sys.argv[3]]
deed = getattr(kind, name)
def interrupted(*arguments, **options):
    os.kill(os.getpid(), signal.SIGINT)
    return deed(*arguments, **options)
with DockerServing.open(image_for("0.0", sys.argv[2])) as runtime:
    setattr(kind, name, interrupted)
    print(owners.me(), flush=True)
    with runtime.serve(Path(sys.argv[1])):
        pass
"""


@pytest.mark.parametrize("deed", ["create", "remove"])
def test_an_interrupt_waits_for_what_the_engine_is_doing(
    engine: Engine, serving: ImageRef, model: Path, deed: str
) -> None:
    program = [sys.executable, "-c", INTERRUPTS_ITSELF]
    done = subprocess.run(
        [*cli.IN_FOREGROUND, *program, str(model), serving.repository, deed],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.strip().endswith("KeyboardInterrupt")
    assert done.returncode == -signal.SIGINT
    assert _of(engine, done.stdout.strip()) == []


def test_the_container_of_a_killed_run_is_removed_by_the_next_run_and_that_of_a_living_one_is_not(
    engine: Engine, serving: ImageRef, model: Path
) -> None:
    living, its_label = _start(model, serving)
    killed, label = _start(model, serving)
    try:
        _wait_until_serving(living)
        _wait_until_serving(killed)
        killed.kill()
        killed.communicate()
        assert len(_of(engine, label)) == 1
        DockerServing.open(serving).engine.client.close()
        _wait_until_gone(engine, label)
        assert len(_of(engine, its_label)) == 1
    finally:
        living.terminate()
        living.communicate(timeout=60)


def test_containers_that_are_not_ours_are_left_alone(engine: Engine, serving: ImageRef) -> None:
    labels = {"someone": "else"}
    other = engine.client.containers.create(str(serving), labels=labels)
    try:
        remove_leftovers(engine)
        other.reload()
    finally:
        other.remove(force=True)


def test_this_process_is_not_dead() -> None:
    assert not owners.is_dead(owners.me())


def test_a_process_that_ended_is_dead_even_before_its_parent_asks() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    boot, namespace, *_ = owners.me().split("/")
    assert owners.is_dead(f"{boot}/{namespace}/{child.pid}/1")
    assert owners.is_dead(f"{boot}/{namespace}/{child.pid}/") is False
    child.wait()


@pytest.mark.parametrize(
    ("field", "value", "dead"),
    [
        (0, "another-boot", True),
        (1, "1", False),
        (3, "1", True),
        (2, "x", False),
    ],
    ids=["the machine was restarted", "in another container", "the pid is used again", "not ours"],
)
def test_an_owner_is_dead_only_where_that_is_sure(field: int, value: str, dead: bool) -> None:
    parts = owners.me().split("/")
    parts[field] = value
    assert owners.is_dead("/".join(parts)) is dead
