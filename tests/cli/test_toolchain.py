"""`convert-h5 toolchain list|remove|path`, on caches that the tests fill."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from converter.cli.main import main
from converter.toolchain import cache, catalog

TOOLCHAIN = catalog.get("tf2.2")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty cache folder of the test's own; the signal handler of `main` is taken back."""
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("CONVERT_H5_CACHE", str(tmp_path))
    yield
    signal.signal(signal.SIGTERM, handler)


def _installed() -> Path:
    """An environment of TOOLCHAIN without packages, as good as new."""
    folder = cache.folder_of(TOOLCHAIN)
    python = cache.python_of(folder)
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    cache.write_stamp(folder, TOOLCHAIN, Path("/usr/bin/python3.7"))
    return folder


def _states(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    assert main(["toolchain", "list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "convert-h5/toolchains/1"
    return {entry["id"]: entry["state"] for entry in told["toolchains"]}


def test_the_list_has_the_whole_catalog_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    states = _states(capsys)
    assert list(states) == list(catalog.load())
    assert set(states.values()) == {"not installed"}


def test_an_entry_tells_its_python_tensorflow_and_kerases(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["toolchain", "list", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)["toolchains"]
    assert next(e for e in entries if e["id"] == "tf2.2") == {
        "id": "tf2.2",
        "python": ["3.7"],
        "tensorflow": "2.2.3",
        "keras": {"tf.keras": "2.3.0-tf", "keras": "2.3.1"},
        "state": "not installed",
    }


def test_the_list_tells_what_is_installed_and_what_is_broken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = _installed()
    assert _states(capsys)["tf2.2"] == "installed"
    (folder / cache.STAMP).unlink()
    assert _states(capsys)["tf2.2"].startswith("broken: toolchain.json is missing")


def test_the_list_for_people_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    _installed()
    assert main(["toolchain", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(catalog.load())
    line = next(line for line in lines if line.startswith("tf2.2 "))
    assert "TensorFlow 2.2.3" in line
    assert " installed" in line
    assert "not installed" not in line


def test_the_path_is_told_whether_installed_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["toolchain", "path", "tf2.2"]) == 0
    assert capsys.readouterr().out == f"{cache.folder_of(TOOLCHAIN)}\n"
    assert not cache.folder_of(TOOLCHAIN).exists()


def test_removing_takes_every_lock_of_that_id_and_no_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = _installed()
    older = folder.with_name("tf2.2-0123456789ab")
    other = folder.with_name("tf2.21-0123456789ab")
    older.mkdir()
    other.mkdir()
    assert main(["toolchain", "remove", "tf2.2"]) == 0
    told = capsys.readouterr().err
    assert f"removed {folder}" in told
    assert f"removed {older}" in told
    assert (folder.exists(), older.exists(), other.exists()) == (False, False, True)


def test_removing_what_is_not_installed_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["toolchain", "remove", "tf2.2"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("verb", ["path", "remove", "install"])
def test_an_unknown_id_is_told_with_the_known_ones(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["toolchain", verb, "tf9.9"]) == 5
    told = capsys.readouterr().err
    assert "There is no toolchain 'tf9.9'" in told
    assert "tf2.15" in told
    assert told.endswith("[toolchain-unknown]\n")


def test_installing_what_is_healthy_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    folder = _installed()
    before = (folder / cache.STAMP).stat().st_mtime_ns
    assert main(["toolchain", "install", "tf2.2"]) == 0
    assert (folder / cache.STAMP).stat().st_mtime_ns == before
