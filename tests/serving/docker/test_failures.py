"""A server that does not come up, or goes away: which error, why, and with which last words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from converter.serving.docker import runtime as runtimes
from converter.serving.docker.engines import Engine
from converter.serving.docker.errors import (
    ContainerDied,
    DockerError,
    EngineRefused,
    ModelNotLoaded,
    NotReady,
    WrongArchitecture,
)
from converter.serving.docker.images import ImageRef
from converter.serving.docker.runtime import DockerServing, remove
from testing.registry import TinyImage
from tests.serving.docker.conftest import ours

FAULTS: list[tuple[str, type[DockerError], str, str]] = [
    ("end", ModelNotLoaded, "OUT_OF_RANGE: Read less bytes than requested", "GET /v1/models"),
    ("refused", ModelNotLoaded, "OUT_OF_RANGE: Read less bytes", "cannot be loaded"),
    ("crash", ContainerDied, "exit code 1; its last line was: Check failed", "the moon is full"),
    ("illegal instruction", ContainerDied, "this processor lacks, most often AVX", "Illegal"),
    ("loading", NotReady, "its last state was LOADING", "GET /v1/models"),
    ("silent", NotReady, "its port never answered", ""),
]


@pytest.mark.parametrize(("fault", "kind", "why", "log"), FAULTS, ids=[f[0] for f in FAULTS])
def test_a_server_that_does_not_come_up_is_explained(
    engine: Engine,
    serving: ImageRef,
    broken: Path,
    fault: str,
    kind: type[DockerError],
    why: str,
    log: str,
) -> None:
    broken.write_text(fault)
    # Long enough for a good model on a busy machine only where nothing is waited for.
    patience = 2.0 if kind is NotReady else 300.0
    with (
        DockerServing.open(serving, ready_within=patience) as runtime,
        pytest.raises(kind) as told,
        runtime.serve(broken.parent),
    ):
        pytest.fail("it was served")
    assert why in told.value.why
    assert log in told.value.log_tail
    assert told.value.exit_code == 6


def test_a_model_larger_than_the_memory_ends_its_server_and_not_the_machine(
    engine: Engine, serving: ImageRef, broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not engine.facts.memory:
        pytest.skip("this engine cannot limit memory")
    monkeypatch.setattr(runtimes, "MEMORY_SHARE", 64e6 / engine.facts.memory)
    broken.write_text("memory")
    with (
        DockerServing.open(serving) as runtime,
        pytest.raises(ContainerDied, match="memory"),
        runtime.serve(broken.parent),
    ):
        pass


def _ask_after(deed: Callable[[], object], runtime: DockerServing, model: Path) -> None:
    """Serve, and fail as a client does whose server is gone."""
    with runtime.serve(model):
        deed()
        raise ConnectionResetError("by peer")


def test_a_server_that_is_killed_under_way_is_why_the_asking_failed(
    engine: Engine, serving: ImageRef, model: Path
) -> None:
    with (
        DockerServing.open(serving) as runtime,
        pytest.raises(ContainerDied, match="exit code 137") as told,
    ):
        _ask_after(lambda: engine.client.api.kill(*ours(engine)), runtime, model)
    assert isinstance(told.value.__cause__, ConnectionResetError)
    assert "GET /v1/models" in told.value.log_tail


def test_a_container_that_somebody_removes_under_way_is_why_the_asking_failed(
    engine: Engine, serving: ImageRef, model: Path
) -> None:
    with (
        DockerServing.open(serving) as runtime,
        pytest.raises(ContainerDied, match="was removed under way"),
    ):
        _ask_after(lambda: remove(engine, *ours(engine)), runtime, model)


def _load(engine: Engine, image: TinyImage, name: str) -> ImageRef:
    ref = ImageRef("convert-h5-test/tiny", name)
    engine.client.images.load(image.saved(str(ref)))
    return ref


def test_an_image_for_another_processor_is_refused_before_it_is_started(engine: Engine) -> None:
    ref = _load(engine, TinyImage({"server": b"x"}, architecture="s390x"), "foreign")
    with pytest.raises(WrongArchitecture) as told:
        DockerServing.open(ref)
    assert "built for s390x, this machine is" in told.value.why


def test_a_program_for_another_processor_is_explained(engine: Engine, model: Path) -> None:
    # The head of an ELF file for the IBM S/390 (machine 22, big-endian).
    head = b"\x7fELF\x02\x02\x01" + bytes(9) + b"\x00\x02\x00\x16" + bytes(44)
    image = TinyImage({"server": head}, architecture=engine.facts.architecture)
    ref = _load(engine, image, "mislabelled")
    with (
        DockerServing.open(ref) as runtime,
        pytest.raises(WrongArchitecture, match="another kind of processor"),
        runtime.serve(model),
    ):
        pass


def test_an_image_without_a_server_is_refused_in_the_engines_words(
    engine: Engine, model: Path
) -> None:
    image = TinyImage({"other": b"x"}, architecture=engine.facts.architecture)
    ref = _load(engine, image, "empty")
    with (
        DockerServing.open(ref) as runtime,
        pytest.raises(EngineRefused, match="could not start the container") as told,
        runtime.serve(model),
    ):
        pass
    assert "/server" in told.value.why
