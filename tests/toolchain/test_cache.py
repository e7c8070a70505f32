"""Where environments live, and which are not to be trusted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from converter.toolchain import cache, catalog

TOOLCHAIN = catalog.get("tf2.2")
OTHER = catalog.get("tf2.21")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder of the test's own."""
    monkeypatch.setenv("CONVERT_H5_CACHE", str(tmp_path / "cache"))


def _environment(folder: Path) -> Path:
    """An environment with one package, as an installation leaves it."""
    python = cache.python_of(folder)
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    record = _record(folder)
    record.parent.mkdir(parents=True)
    record.write_text("tensorflow/__init__.py,,\n")
    cache.write_stamp(folder, TOOLCHAIN, Path("/usr/bin/python3.7"))
    return folder


def _record(folder: Path, package: str = "tensorflow_cpu-2.2.3") -> Path:
    return folder / "lib" / "python3.7" / "site-packages" / f"{package}.dist-info" / "RECORD"


def _unhealthy(folder: Path) -> str | None:
    return cache.unhealthy(folder, TOOLCHAIN)


def test_the_cache_is_where_the_variable_says(tmp_path: Path) -> None:
    assert cache.root() == tmp_path / "cache"
    assert cache.toolchains_folder().parent == cache.root()


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_the_cache_is_the_users(
    value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "users"))
    if value is None:
        monkeypatch.delenv("CONVERT_H5_CACHE")
    else:
        monkeypatch.setenv("CONVERT_H5_CACHE", value)
    assert cache.root() == tmp_path / "users" / "convert-h5"


def test_a_folder_is_named_by_the_toolchain_and_its_lock() -> None:
    folder = cache.folder_of(TOOLCHAIN)
    assert folder.name == f"tf2.2-{TOOLCHAIN.lock_sha256[:12]}"
    assert folder.parent == cache.toolchains_folder()


def test_what_was_installed_completely_is_healthy() -> None:
    assert _unhealthy(_environment(cache.folder_of(TOOLCHAIN))) is None


def test_what_is_not_there_is_not_healthy() -> None:
    assert _unhealthy(cache.folder_of(TOOLCHAIN)) is not None


def _other_lock(folder: Path) -> None:
    stamp = json.loads((folder / cache.STAMP).read_text())
    stamp["lock_sha256"] = "0" * 64
    (folder / cache.STAMP).write_text(json.dumps(stamp))


def _more(folder: Path) -> None:
    record = _record(folder, "extra-1.0")
    record.parent.mkdir()
    record.touch()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda f: (f / cache.STAMP).unlink(), "missing or unreadable"),
        (lambda f: (f / cache.STAMP).write_text("{"), "missing or unreadable"),
        (lambda f: (f / cache.STAMP).write_bytes(b"\xff\xfe"), "missing or unreadable"),
        (lambda f: (f / cache.STAMP).write_text("[]"), "missing or unreadable"),
        (_other_lock, "another lock"),
        (lambda f: cache.python_of(f).unlink(), "python3.7 is gone"),
        (lambda f: cache.python_of(f).chmod(0o644), "python3.7 is gone"),
        (lambda f: _record(f).unlink(), "added, changed or removed"),
        (lambda f: _record(f).write_text("changed"), "added, changed or removed"),
        (_more, "added, changed or removed"),
    ],
    ids=[
        *("no stamp", "half a stamp", "no text", "no object", "another lock", "no interpreter"),
        *("not executable", "package removed", "package changed", "package added"),
    ],
)
def test_damage_is_found_and_named(damage: Callable[[Path], object], reason: str) -> None:
    folder = _environment(cache.folder_of(TOOLCHAIN))
    damage(folder)
    assert reason in (_unhealthy(folder) or "healthy")


def test_installed_are_finished_environments_of_any_lock_and_of_this_id_only() -> None:
    folder = cache.toolchains_folder()
    names = [
        "tf2.2-0123456789ab",
        "tf2.2-ffffffffffff",
        "tf2.21-0123456789ab",
        ".partial-tf2.2-0123456789ab-77",
        "tf2.2-short",
        "tf2x2-0123456789ab",
    ]
    for name in names:
        (folder / name).mkdir(parents=True)
    assert [p.name for p in cache.installed(TOOLCHAIN)] == names[:2]
    assert [p.name for p in cache.installed(OTHER)] == names[2:3]


def test_nothing_is_installed_before_the_first_time() -> None:
    assert cache.installed(TOOLCHAIN) == []


def test_a_discarded_environment_is_gone() -> None:
    folder = _environment(cache.folder_of(TOOLCHAIN))
    cache.discard(folder)
    assert list(cache.toolchains_folder().iterdir()) == []
    cache.discard(folder)  # and once more is no error
