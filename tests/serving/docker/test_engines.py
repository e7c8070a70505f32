"""Which engine is found, and what is told where none can be used or one goes away."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from converter.serving.docker import engines
from converter.serving.docker.engines import Engine, Facts
from converter.serving.docker.errors import (
    DockerError,
    EngineGone,
    FolderUnseen,
    ImageMissing,
    NoEngine,
    NoPermission,
    PortsUnseen,
    RemoteEngine,
)
from converter.serving.docker.images import ImageRef, image_for
from converter.serving.docker.runtime import DockerServing, container_options, remove, unavailable
from testing.detour import Detour
from testing.engine import RealEngine
from tests.serving.docker.conftest import ours

MISSING = ImageRef("convert-h5-test/none", "0")


def _socket(engine: RealEngine) -> Path:
    return Path(engine.url.removeprefix("unix://"))


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The sockets that are tried, as on a machine without any engine; none of them exists."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    paths = [tmp_path / "docker.sock", tmp_path / "podman.sock"]
    monkeypatch.setattr(engines, "sockets", lambda: paths)
    return paths


@pytest.fixture
def sockets_leak() -> Iterator[None]:
    """For tests in which the SDK fails to connect: it leaves its socket to the collector."""
    yield
    gc.collect()


def losing_the_engine(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test in which the SDK loses a connection."""
    known = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket")
    collected = pytest.mark.usefixtures("sockets_leak")
    marked: Callable[..., None] = known(collected(test))
    return marked


def test_dockers_sockets_are_tried_before_podmans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/77")
    monkeypatch.setenv("HOME", "/somewhere")
    assert [str(path) for path in engines.sockets()] == [
        "/var/run/docker.sock",
        "/run/user/77/docker.sock",
        "/somewhere/.docker/run/docker.sock",
        "/run/user/77/podman/podman.sock",
        "/run/podman/podman.sock",
    ]


def test_without_any_socket_there_is_no_engine(no_sockets: list[Path]) -> None:
    with pytest.raises(NoEngine) as told:
        Engine.find()
    assert str(no_sockets[0]) in told.value.why
    assert told.value.fix == "Start Docker or Podman, set DOCKER_HOST, or use --serving local"
    assert "No container engine was found" in (unavailable(MISSING) or "")


def test_a_socket_that_nobody_listens_on_any_more_is_told(no_sockets: list[Path]) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(no_sockets[1]))
    with pytest.raises(NoEngine, match=r"podman\.sock\. Connection refused"):
        Engine.find()


def test_the_next_engine_is_taken_where_one_does_not_answer(
    real_engine: RealEngine, no_sockets: list[Path]
) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(no_sockets[0]))
    with Detour(no_sockets[1], _socket(real_engine)) as detour, Engine.find() as found:
        assert found.url == detour.url


@losing_the_engine
def test_an_engine_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "docker.sock"))
        silent.listen()
        with pytest.raises(NoEngine, match="No container engine answers at unix://"):
            Engine.at(f"unix://{tmp_path}/docker.sock", patience=1)


def test_the_users_docker_host_is_the_only_one_asked(
    real_engine: RealEngine,
    no_sockets: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with (
        Detour(no_sockets[0], _socket(real_engine)),
        pytest.raises(
            NoEngine, match=r"at unix:///nowhere/docker\.sock\. No such file or directory"
        ),
    ):
        Engine.find()


@pytest.mark.parametrize("url", ["tcp://192.0.2.1:2375", "ssh://someone@build.example"])
def test_an_engine_on_another_machine_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", url)
    with pytest.raises(RemoteEngine, match="is on another machine"):
        Engine.find()


# Imports first: another user may not read the files of the interpreter.
AS_NOBODY = """
import os, sys, docker
from converter.serving.docker import engines
from converter.serving.docker.errors import DockerError
from converter.serving.docker.engines import Engine
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    Engine.find()
except DockerError as error:
    print(error.id, error.line())
"""


def test_a_socket_that_this_user_may_not_open_is_told(
    real_engine: RealEngine, tmp_path: Path
) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    tmp_path.chmod(0o755)
    with Detour(tmp_path / "docker.sock", _socket(real_engine)) as detour:
        detour.path.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY],
            env={**os.environ, "DOCKER_HOST": detour.url},
            capture_output=True,
            text=True,
            check=True,
        )
    id_, _, line = done.stdout.partition(" ")
    assert id_ == NoPermission.id
    assert f"socket {detour.path} cannot be opened" in line
    assert "group 'docker'" in line


def test_a_socket_without_permission_is_a_better_hint_than_one_without_a_listener(
    no_sockets: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = NoPermission("denied")
    silent = NoEngine("silent")
    silent.__cause__ = ConnectionRefusedError()
    answers: list[DockerError] = [silent, denied]

    def at(url: str, patience: int) -> Engine:
        raise answers[[f"unix://{path}" for path in no_sockets].index(url)]

    monkeypatch.setattr(Engine, "at", at)
    with pytest.raises(NoPermission, match="denied"):
        Engine.find()


def test_an_image_that_an_engine_has_is_available(engine: Engine, serving: ImageRef) -> None:
    assert unavailable(serving) is None


def test_a_missing_image_is_told_without_pulling_it(engine: Engine) -> None:
    told = unavailable(MISSING)
    assert told is not None
    assert f"has no image {MISSING}" in told
    with pytest.raises(ImageMissing, match="docker pull convert-h5-test/none:0"):
        DockerServing.open(MISSING)


@losing_the_engine
def test_an_engine_that_goes_away_under_way_is_why_the_asking_failed(
    engine: Engine,
    real_engine: RealEngine,
    serving: ImageRef,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Detour(tmp_path / "docker.sock", _socket(real_engine)) as detour:
        monkeypatch.setenv("DOCKER_HOST", detour.url)

        def serve_and_lose_the_engine() -> None:
            with DockerServing.open(serving) as runtime, runtime.serve(model):
                detour.cut()
                raise ConnectionResetError("by peer")

        with pytest.raises(EngineGone, match="stopped answering"):
            serve_and_lose_the_engine()
    for left in ours(engine):  # nobody was there to remove it
        remove(engine, left)


@losing_the_engine
def test_an_engine_that_goes_away_while_the_model_loads_is_told(
    engine: Engine,
    real_engine: RealEngine,
    serving: ImageRef,
    broken: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken.write_text("loading")
    with Detour(tmp_path / "docker.sock", _socket(real_engine)) as detour:
        monkeypatch.setenv("DOCKER_HOST", detour.url)
        with DockerServing.open(serving) as runtime:
            monkeypatch.setattr("time.sleep", lambda _: detour.cut())
            with pytest.raises(EngineGone), runtime.serve(broken.parent):
                pass
    for left in ours(engine):
        remove(engine, left)


# Run in a namespace of its own, as inside a container: the engine is on the other side.
BEHIND_A_WALL = """
import sys
from pathlib import Path
from converter.serving.docker.runtime import DockerServing
from converter.serving.docker.errors import DockerError
from converter.serving.docker.images import image_for
folder, repository = Path(sys.argv[1]) / "model", sys.argv[2]
folder.mkdir()
(folder / "saved_model.pb").write_bytes(b"another")
try:
    with DockerServing.open(image_for("0.0", repository)) as runtime, runtime.serve(folder):
        print("served")
except DockerError as error:
    print(error.id, error.line())
"""


def _behind_a_wall(wall: str, build: str, folder: Path, serving: ImageRef) -> str:
    """What is told where a model is served from a namespace. build: a shell command, run first."""
    if os.getuid() != 0:
        pytest.skip("only root can build a wall")
    script = f'{build} && exec "$2" -c "$3" "$1" "$4"'
    arguments = [str(folder), sys.executable, BEHIND_A_WALL, serving.repository]
    done = subprocess.run(
        ["unshare", wall, "sh", "-c", script, "sh", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("outside", [None, "", "content"], ids=["missing", "empty", "other"])
def test_a_model_that_the_engine_does_not_see_is_refused(
    engine: Engine, serving: ImageRef, tmp_path: Path, outside: str | None
) -> None:
    hidden = tmp_path / "hidden"
    (hidden if outside is None else hidden / "model").mkdir(parents=True)
    if outside:
        (hidden / "model" / "saved_model.pb").write_text(outside)
    told = _behind_a_wall("--mount", 'mount -t tmpfs none "$1"', hidden, serving)
    assert told.startswith(f"{FolderUnseen.id} ")
    assert f"does not see the model's folder {hidden}/model" in told


def test_ports_of_another_network_are_told_as_soon_as_the_server_listens(
    engine: Engine, serving: ImageRef, tmp_path: Path
) -> None:
    told = _behind_a_wall("--net", "ip link set lo up", tmp_path, serving)
    assert told.startswith(f"{PortsUnseen.id} ")
    assert "the server listens, but nothing answers on 127.0.0.1:" in told


# What engines answer to /version and /info, shortened to what matters.
DOCKER = {"Version": "20.10.24", "Components": [{"Name": "Engine"}]}
PODMAN = {"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}
LIMITS = {"MemoryLimit": True, "PidsLimit": True, "MemTotal": 10**9, "CgroupVersion": "2"}
ROOTFUL = Facts("Docker 20.10.24", "amd64", False, False, False, 10**9, True)


@pytest.mark.parametrize(
    ("version", "info", "facts"),
    [
        (DOCKER, {**LIMITS, "Architecture": "x86_64"}, ROOTFUL),
        (
            DOCKER,
            {**LIMITS, "Architecture": "aarch64", "SecurityOptions": ["name=rootless"]},
            replace(ROOTFUL, architecture="arm64", rootless=True),
        ),
        (
            PODMAN,
            {**LIMITS, "Architecture": "amd64", "Rootless": True, "CgroupVersion": "1"},
            replace(ROOTFUL, name="Podman 4.3.1", rootless=True, memory=0, limits_processes=False),
        ),
        (
            DOCKER,
            {"Architecture": "x86_64", "SecurityOptions": ["name=selinux", "name=userns"]},
            replace(ROOTFUL, selinux=True, remaps_users=True, memory=0, limits_processes=False),
        ),
    ],
    ids=["Docker", "rootless Docker", "rootless Podman, cgroups 1", "SELinux, remapped users"],
)
def test_what_an_engine_is_can_be_read_from_its_answers(
    version: dict[str, object], info: dict[str, object], facts: Facts
) -> None:
    assert engines.facts_of(version, info) == facts


def test_a_container_gets_what_its_kind_of_engine_needs(tmp_path: Path) -> None:
    def options(facts: Facts) -> dict[str, object]:
        return container_options(facts, tmp_path, "/models/m/1", "m")

    unlimited = options(replace(ROOTFUL, memory=0, limits_processes=False))
    assert options(replace(ROOTFUL, rootless=True))["user"] == "0:0"
    assert "label=disable" in str(options(replace(ROOTFUL, selinux=True))["security_opt"])
    assert options(replace(ROOTFUL, remaps_users=True))["userns_mode"] == "host"
    assert not {"mem_limit", "pids_limit"} & set(unlimited)
    plain = options(ROOTFUL)
    assert plain["user"] == f"{os.getuid()}:{os.getgid()}"
    assert "userns_mode" not in plain
    assert "label=disable" not in str(plain["security_opt"])


def test_looking_for_an_engine_does_not_slow_down_the_start_of_the_program() -> None:
    asked = "import sys, converter.serving.docker.runtime; print('docker' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert image_for("2.2.0")
