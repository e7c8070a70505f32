"""Provisioning: once, whoever asks, and never trusting what a kill or a hand left behind."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from converter.errors import InstallFailed, InterpreterMissing, UnknownToolchain
from converter.toolchain import cache, catalog, interpreters, provision
from converter.toolchain.session import Session

# The smallest environment of the catalog: quick to install again and again.
SMALL = "tf1.4-keras1.2"

pytestmark = pytest.mark.toolchain(SMALL)


@pytest.fixture
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of this test's own; packages still come from uv's cache."""
    monkeypatch.setenv("CONVERT_H5_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)


def _works(python: Path) -> bool:
    with Session.start(python, name=SMALL) as session:
        return session.hello.tensorflow == catalog.get(SMALL).tensorflow


def _provide(_: int) -> str:
    return str(provision.provide(catalog.get(SMALL)))


def test_two_processes_at_once_share_one_environment(private_cache: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        first, second = processes.map(_provide, range(2))
    assert first == second
    assert cache.unhealthy(cache.folder_of(catalog.get(SMALL)), catalog.get(SMALL)) is None
    assert _works(Path(first))


def test_a_second_run_installs_nothing(
    private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provision.provide(catalog.get(SMALL))

    def no_more(*_: object) -> None:
        raise AssertionError("uv was called again")

    monkeypatch.setattr(provision, "_uv", no_more)
    assert provision.provide(catalog.get(SMALL)).exists()


def test_a_kill_at_any_moment_leaves_nothing_that_is_trusted(private_cache: Path) -> None:
    toolchain = catalog.get(SMALL)
    code = (
        "from converter.toolchain import catalog, provision;"
        f"provision.provide(catalog.get({SMALL!r}))"
    )
    dice = random.Random(4)
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        time.sleep(dice.uniform(0.2, 2.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        folder = cache.folder_of(toolchain)
        if folder.exists():  # it was complete when the kill came
            assert cache.unhealthy(folder, toolchain) is None
            shutil.rmtree(folder)
    python = provision.provide(toolchain)
    assert _works(python)
    left = [p.name for p in cache.toolchains_folder().iterdir() if cache.PARTIAL in p.name]
    assert left == []


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda folder: (folder / cache.STAMP).unlink(), id="no stamp"),
        pytest.param(lambda folder: (folder / "bin" / "python").unlink(), id="no interpreter"),
        pytest.param(
            lambda folder: shutil.rmtree(next(folder.glob("lib/*/site-packages/h5py-*"))),
            id="a package is gone",
        ),
    ],
)
def test_a_damaged_environment_is_made_again(private_cache: Path, harm: object) -> None:
    toolchain = catalog.get(SMALL)
    provision.provide(toolchain)
    harm(cache.folder_of(toolchain))  # type: ignore[operator]
    assert cache.unhealthy(cache.folder_of(toolchain), toolchain) is not None
    assert _works(provision.provide(toolchain))


def test_remove_deletes_every_environment_of_the_id(private_cache: Path) -> None:
    toolchain = catalog.get(SMALL)
    provision.provide(toolchain)
    older = cache.toolchains_folder() / f"{SMALL}-0123456789ab"
    older.mkdir()
    assert set(provision.remove(toolchain)) == {older, cache.folder_of(toolchain)}
    assert cache.installed(toolchain) == []


def test_a_missing_python_is_said_with_the_way_to_get_it(
    private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "find", lambda version: None)

    def no_network(*_: object) -> None:
        raise InstallFailed("'uv venv' failed", why="no network")

    monkeypatch.setattr(provision, "_uv", no_network)
    with pytest.raises(InterpreterMissing) as caught:
        provision.provide(catalog.get(SMALL))
    assert "needs Python 3.6" in caught.value.what
    assert "pyenv install 3.6" in caught.value.fix


def test_an_unknown_id_names_those_that_exist() -> None:
    with pytest.raises(UnknownToolchain, match=r"tf1\.15-keras2\.3"):
        catalog.get("tf0.1")
