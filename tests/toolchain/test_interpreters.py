"""Pythons are found on PATH and in pyenv, and are believed only after they have answered."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from converter.toolchain import interpreters

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(autouse=True)
def _nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without any Python, where no earlier answer is remembered."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setenv("PATH", "")
    interpreters.find.cache_clear()
    yield
    interpreters.find.cache_clear()


def _python(path: Path, answer: str | None = None) -> Path:
    """A Python at `path`: this one, or a program that prints `answer`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if answer is None:
        path.symlink_to(sys.executable)
    else:
        path.write_text(f"#!/bin/sh\n{answer}\n")
        path.chmod(0o755)
    return path


def _search(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join(str(f) for f in folders))


def test_nothing_is_found_where_nothing_is() -> None:
    assert interpreters.find(VERSION) is None


def test_a_python_on_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = _python(tmp_path / "bin" / f"python{VERSION}")
    _search(monkeypatch, tmp_path / "empty", there.parent)
    assert interpreters.find(VERSION) == there


def test_the_first_folder_of_path_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _python(tmp_path / "a" / f"python{VERSION}")
    second = _python(tmp_path / "b" / f"python{VERSION}")
    _search(monkeypatch, first.parent, second.parent)
    assert interpreters.find(VERSION) == first


@pytest.mark.parametrize(
    "answer",
    ["echo 2.7", "exit 1", "echo", f"echo {VERSION} or so", "printf '\\377\\376'"],
    ids=["another version", "fails", "says nothing", "says more", "says no text"],
)
def test_a_program_that_is_not_the_python_it_is_called_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    impostor = _python(tmp_path / "a" / f"python{VERSION}", answer)
    real = _python(tmp_path / "b" / f"python{VERSION}")
    _search(monkeypatch, impostor.parent, real.parent)
    assert interpreters.find(VERSION) == real


def test_a_file_that_cannot_be_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = _python(tmp_path / "a" / f"python{VERSION}", "echo")
    dead.chmod(0o644)
    broken = tmp_path / "b" / f"python{VERSION}"
    broken.parent.mkdir()
    broken.write_bytes(b"\x7fELF but not really")
    broken.chmod(0o755)
    _search(monkeypatch, dead.parent, broken.parent)
    assert interpreters.find(VERSION) is None


def test_a_python_in_pyenv_is_found_the_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = tmp_path / "pyenv" / "versions"
    for patch in (9, 10, 2):
        _python(versions / f"{VERSION}.{patch}" / "bin" / f"python{VERSION}")
    _python(versions / "9.9.99" / "bin" / f"python{VERSION}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    found = interpreters.find(VERSION)
    assert found == versions / f"{VERSION}.10" / "bin" / f"python{VERSION}"


@pytest.mark.parametrize("place", ["home/.pyenv", "elsewhere"])
def test_pyenv_is_found_at_home_and_by_its_shims_which_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    root = tmp_path / place
    ran = tmp_path / "the shim ran"
    _python(root / "shims" / f"python{VERSION}", f": > '{ran}'; echo {VERSION}")
    real = _python(root / "versions" / f"{VERSION}.1" / "bin" / f"python{VERSION}")
    _search(monkeypatch, root / "shims")
    assert interpreters.find(VERSION) == real
    assert not ran.exists()


def test_path_comes_before_pyenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = _python(tmp_path / "bin" / f"python{VERSION}")
    _python(tmp_path / "pyenv" / "versions" / f"{VERSION}.1" / "bin" / f"python{VERSION}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    _search(monkeypatch, on_path.parent)
    assert interpreters.find(VERSION) == on_path


def test_the_path_is_absolute_wherever_the_search_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _python(tmp_path / "bin" / f"python{VERSION}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin")
    found = interpreters.find(VERSION)
    assert found is not None
    assert found.is_absolute()
