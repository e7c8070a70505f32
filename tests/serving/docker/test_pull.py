"""Fetching an image: from a registry on the loopback, by tag and by digest."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from converter.serving.docker.engines import Engine
from converter.serving.docker.errors import ImageMissing
from converter.serving.docker.images import image_for
from converter.serving.docker.runtime import DockerServing
from testing import registry as registries
from testing.registry import Registry, TinyImage


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with registries.running() as running:
        yield running


@pytest.fixture
def image(engine: Engine) -> TinyImage:
    """One that no engine has yet."""
    files = {"server": b"x", uuid.uuid4().hex: b"y"}
    return TinyImage(files, architecture=engine.facts.architecture)


def test_a_missing_image_is_pulled_with_progress_when_asked_for(
    engine: Engine, registry: Registry, image: TinyImage
) -> None:
    repository = f"{registry.host}/team/serving"
    registry.add("team/serving", "2.2.0", image)
    said: list[str] = []
    ref = image_for("2.2", repository)
    with DockerServing.open(ref, pull=True, progress=said.append) as runtime:
        assert runtime.image.attrs["Architecture"] == engine.facts.architecture
        digest = registry.add("team/serving", "2.2.0", image)
        assert runtime.description == f"docker:2.2.0 ({repository}:2.2.0@{digest})"
    assert said == [f"{ref}: pulling", f"{ref}: ready"]
    engine.client.images.remove(str(ref))


def test_how_much_was_pulled_is_told_while_it_goes_on(
    engine: Engine, registry: Registry, image: TinyImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not engine.facts.name.startswith("Docker"):
        pytest.skip("only Docker tells how far it is")
    monkeypatch.setattr("converter.serving.docker.engines.PROGRESS_STEP", 1_000_000)
    image.files["large"] = bytes(50_000_000)
    registry.add("team/large", "1", image)
    said: list[str] = []
    ref = image_for("1", f"{registry.host}/team/large")
    engine.pull(ref, said.append)
    assert said[0] == f"{ref}: pulling"
    assert any("MB so far" in line for line in said[1:-1])
    engine.client.images.remove(str(ref))


def test_a_digest_pins_the_image_whatever_its_tag_says_later(
    engine: Engine, registry: Registry, image: TinyImage
) -> None:
    pinned = registry.add("team/pinned", "latest", image)
    ref = image_for("2.2.0", f"{registry.host}/team/pinned@{pinned}")
    with DockerServing.open(ref, pull=True) as runtime:
        assert runtime.description == f"docker ({registry.host}/team/pinned@{pinned})"
    engine.client.images.remove(str(ref))


def test_a_tag_that_the_registry_does_not_have_is_told_in_its_words(
    engine: Engine, registry: Registry
) -> None:
    ref = image_for("9.9", f"{registry.host}/team/none")
    with pytest.raises(ImageMissing, match=f"{ref} could not be pulled") as told:
        DockerServing.open(ref, pull=True)
    assert "name unknown" in told.value.why
    assert "--serving-image" in told.value.fix


def test_a_registry_that_does_not_answer_is_told(engine: Engine) -> None:
    ref = image_for("2.2", "127.0.0.1:9/team/serving")
    with pytest.raises(ImageMissing) as told:
        DockerServing.open(ref, pull=True)
    assert "connection refused" in told.value.why
