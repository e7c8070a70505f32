"""Compiling in the child process: the same file gives the same bytes; what fails is told."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

import converter
from converter import contract as contracts
from converter.direct import process
from converter.errors import NotDirect, SourceChanged, SourceTruncated
from converter.isolation import COMPILES, Child
from converter.options import Options
from converter.source import snapshot
from converter.source.read import read
from testing import cli
from testing.hdf5 import sha256

DIGITS = "digits-tf.keras-2.15.h5"


def _convert(source: Path, folder: Path, *, freeze: bool = False, seconds: float = 60.0) -> None:
    model = read(source)
    contract = contracts.make(model, Options()).fields()
    with Child(*COMPILES) as child:
        process.convert(child, model, source, folder, contract, freeze=freeze, seconds=seconds)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.parametrize("name", [DIGITS, "bidirectional-keras-2.2.4.h5", "multi-keras3-3.15.h5"])
def test_the_same_file_gives_the_same_bytes(
    name: str, freeze: bool, fixtures_folder: Path, tmp_path: Path
) -> None:
    for turn in ("a", "b"):
        _convert(fixtures_folder / name, tmp_path / turn, freeze=freeze)
    first = _files(tmp_path / "a")
    assert first == _files(tmp_path / "b")
    assert ("variables/variables.index" in first) is not freeze


def test_what_is_not_known_is_told_with_its_place(fixtures_folder: Path, tmp_path: Path) -> None:
    model = read(fixtures_folder / DIGITS)
    model.config["config"]["layers"][1]["class_name"] = "Mystery"
    contract = contracts.make(model, Options()).fields()
    with Child() as child, pytest.raises(NotDirect, match=r"'conv1' \(Mystery\)"):
        process.convert(
            child, model, model.path, tmp_path / "m", contract, freeze=False, seconds=60
        )
    assert not (tmp_path / "m").exists()


def test_a_child_that_gets_nowhere_is_ended_and_told(fixtures_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceTruncated, match=r"more than 0\.01 s"):
        _convert(fixtures_folder / DIGITS, tmp_path / "m", seconds=0.01)


def test_nothing_is_installed_or_started_where_nothing_is_proven(
    fixtures_folder: Path, tmp_path: Path
) -> None:
    """Not even a folder for toolchains appears."""
    home = tmp_path / "home"
    home.mkdir()
    source, target = fixtures_folder / DIGITS, tmp_path / "m"
    done = cli.run(
        source, target, "--no-verify", "--json", HOME=str(home), XDG_CACHE_HOME=str(home / "cache")
    )
    assert done.code == 0, done.err
    (attempt,) = json.loads(done.out)["attempts"]
    assert (attempt["strategy"], attempt["toolchain"]) == ("direct", "no toolchain")
    assert not list(home.rglob("toolchains"))
    manifest = json.loads((target / "1" / "assets.extra" / "convert-h5.json").read_text())
    assert manifest["toolchain"] is None
    assert manifest["source"]["sha256"] == sha256(source)


def test_nothing_is_published_of_a_file_that_was_written_to_meanwhile(
    fixtures_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = itertools.count()
    monkeypatch.setattr(snapshot, "_identity", lambda _: (next(moments),))
    with pytest.raises(SourceChanged):
        converter.convert(fixtures_folder / DIGITS, tmp_path / "m", Options(verify=False))
    assert list((tmp_path / "m").iterdir()) == []
