"""What a server in a container sees, may do, and answers."""

from __future__ import annotations

import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from converter.errors import UsageError
from converter.serving.docker.engines import Engine
from converter.serving.docker.images import ImageRef, image_for
from converter.serving.docker.runtime import DockerServing
from converter.serving.endpoint import Endpoint
from tests.serving.docker.conftest import ours


def _get(endpoint: Endpoint, path: str) -> Any:
    connection = http.client.HTTPConnection(urlsplit(endpoint.rest).netloc, timeout=10)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def _run(engine: Engine, command: str) -> tuple[int | None, str]:
    """What a shell command does inside the one container of this process."""
    done = engine.client.containers.get(*ours(engine)).exec_run(["/bin/sh", "-c", command])
    assert isinstance(done.output, bytes)
    return done.exit_code, done.output.decode()


def test_the_image_that_users_ask_for_serves_a_staged_model(
    engine: Engine, serving: ImageRef, model: Path
) -> None:
    with DockerServing.open(serving) as runtime, runtime.serve(model, "m", 7) as endpoint:
        (told,) = _get(endpoint, "/v1/models/m")["model_version_status"]
        assert (told["version"], told["state"]) == ("7", "AVAILABLE")
        host, _, port = endpoint.grpc.partition(":")
        socket.create_connection((host, int(port)), timeout=10).close()


def test_the_name_is_the_official_one_unless_the_engine_is_somebody_elses(
    serving: ImageRef, real_engine: Any
) -> None:
    assert (serving == image_for("0.0")) == real_engine.own


def test_the_description_tells_the_version_asked_for_and_the_exact_image(
    engine: Engine, serving: ImageRef, model: Path
) -> None:
    image = engine.image(serving)
    # An image that never was in a registry has a digest of its own in Podman only.
    exact = [f", image {image.id}", *(f"@{d.split('@')[1]}" for d in image.attrs["RepoDigests"])]
    with DockerServing.open(serving) as runtime, runtime.serve(model) as endpoint:
        assert endpoint.description in [f"docker:0.0.0 ({serving}{words})" for words in exact]


def test_a_bad_model_is_not_tried_again_and_more_flags_are_handed_on(
    engine: Engine, serving: ImageRef, model: Path
) -> None:
    with (
        DockerServing.open(serving) as runtime,
        runtime.serve(model, flags=["--enable_batching"]) as endpoint,
    ):
        assert _get(endpoint, "/")["flags"] == ["--max_num_load_retries=0", "--enable_batching"]


def test_nothing_can_be_written_into_the_model(
    engine: Engine, serving: ImageRef, model: Path
) -> None:
    with DockerServing.open(serving) as runtime, runtime.serve(model, "m", 1):
        code, said = _run(engine, "echo x > /models/m/1/more")
    assert code != 0
    assert "Read-only file system" in said
    assert [path.name for path in model.iterdir()] == ["saved_model.pb"]


def test_the_server_has_no_capability_and_can_get_none(
    engine: Engine, serving: ImageRef, model: Path
) -> None:
    with DockerServing.open(serving) as runtime, runtime.serve(model):
        _, status = _run(engine, "while read l; do echo $l; done < /proc/1/status")
    facts = dict(line.split(": ", 1) for line in status.splitlines() if ": " in line)
    assert {facts[f"Cap{kind}"] for kind in ("Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"


def test_a_model_that_only_its_owner_may_read_is_served(
    engine: Engine, serving: ImageRef, model: Path
) -> None:
    if os.getuid() == 0:
        os.chown(model, 4321, 4321)
        os.chown(model / "saved_model.pb", 4321, 4321)
    model.chmod(0o700)
    (model / "saved_model.pb").chmod(0o600)
    with DockerServing.open(serving) as runtime, runtime.serve(model) as endpoint:
        assert _get(endpoint, "/")["files"] == ["saved_model.pb"]


def test_memory_and_processes_have_an_end(engine: Engine, serving: ImageRef, model: Path) -> None:
    with DockerServing.open(serving) as runtime, runtime.serve(model):
        limits = engine.client.containers.get(*ours(engine)).attrs["HostConfig"]
    if engine.facts.memory:
        assert 0 < limits["Memory"] < engine.facts.memory
    if engine.facts.limits_processes:
        assert limits["PidsLimit"] == 4096


def test_only_the_loopback_leads_to_the_server(
    engine: Engine, serving: ImageRef, model: Path
) -> None:
    with DockerServing.open(serving) as runtime, runtime.serve(model) as endpoint:
        container = engine.client.containers.get(*ours(engine))
        (network,) = container.attrs["NetworkSettings"]["Networks"].values()
        for target in (urlsplit(endpoint.rest).netloc, endpoint.grpc):
            host, _, port = target.partition(":")
            assert host == "127.0.0.1"
            with pytest.raises(OSError):  # noqa: PT011 the address of this machine on that network
                socket.create_connection((network["Gateway"], int(port)), timeout=10)


def test_two_models_are_served_side_by_side(engine: Engine, serving: ImageRef, model: Path) -> None:
    with (
        DockerServing.open(serving) as runtime,
        runtime.serve(model, "a", 1) as one,
        runtime.serve(model, "b", 2) as other,
    ):
        assert len({one.rest, other.rest, one.grpc, other.grpc}) == 4
        assert _get(one, "/v1/models/a")["model_version_status"][0]["version"] == "1"
        assert _get(other, "/v1/models/b")["model_version_status"][0]["version"] == "2"


def test_a_proxy_for_the_web_is_not_asked(
    engine: Engine, serving: ImageRef, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with DockerServing.open(serving) as runtime, runtime.serve(model) as endpoint:
        assert _get(endpoint, "/")["files"] == ["saved_model.pb"]


def test_what_the_body_raises_comes_out_while_the_server_lives(
    engine: Engine, serving: ImageRef, model: Path
) -> None:
    with (
        DockerServing.open(serving) as runtime,
        pytest.raises(ZeroDivisionError),
        runtime.serve(model),
    ):
        print(1 / 0)


def test_the_log_can_be_read_while_serving(engine: Engine, serving: ImageRef, model: Path) -> None:
    with DockerServing.open(serving) as runtime, runtime.serve(model, "m", 1) as endpoint:
        assert "GET /v1/models/m" in endpoint.log_tail()


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "$HOME", "."])
def test_a_name_that_would_leave_the_models_folder_is_refused(
    engine: Engine, serving: ImageRef, model: Path, name: str
) -> None:
    with (
        DockerServing.open(serving) as runtime,
        pytest.raises(UsageError, match="cannot be the name"),
        runtime.serve(model, name),
    ):
        pass


def test_a_folder_that_is_not_there_is_told_before_anything_starts(
    engine: Engine, serving: ImageRef, tmp_path: Path
) -> None:
    with (
        DockerServing.open(serving) as runtime,
        pytest.raises(UsageError, match="There is no folder"),
        runtime.serve(tmp_path / "missing"),
    ):
        pass
