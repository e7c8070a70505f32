"""A real engine for these tests, with the stand-in server under the name that users ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from converter.serving.docker import owners
from converter.serving.docker.engines import Engine
from converter.serving.docker.images import ImageRef
from converter.toolchain import catalog
from testing import engine as engines
from testing.engine import RealEngine


@pytest.fixture(scope="session")
def real_engine() -> Iterator[RealEngine]:
    """An engine that all tests of this process share."""
    with engines.running() as engine:
        yield engine


@pytest.fixture(scope="session")
def serving(real_engine: RealEngine) -> ImageRef:
    """The stand-in server, called `tensorflow/serving:0.0.0` if the engine is ours."""
    return real_engine.stand_in()


@pytest.fixture(scope="session")
def embedded(real_engine: RealEngine) -> ImageRef:
    """`tensorflow/serving:2.15.1`, or what stands for it in somebody else's engine."""
    return real_engine.embedded(catalog.get("tf2.15"))


@pytest.fixture
def engine(real_engine: RealEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The engine that the code under test will find; in the end it has no container of ours."""
    monkeypatch.setenv("DOCKER_HOST", real_engine.url)
    with Engine.at(real_engine.url) as engine:
        yield engine
        assert ours(engine) == []


def ours(engine: Engine) -> list[str]:
    """The ids of this process's containers, whatever their state."""
    mine = {"label": f"{owners.LABEL}={owners.me()}"}
    return [str(c["Id"]) for c in engine.client.api.containers(all=True, filters=mine)]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's folder while it is being made, before it is called by its number."""
    folder = tmp_path / "export" / ".staging-x" / "tmp"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"\x08\x01")
    return folder


@pytest.fixture
def broken(model: Path) -> Path:
    """The file whose word makes the stand-in server fail, see testing/stand_in.py."""
    return model / "fault"
