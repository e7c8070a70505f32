"""Many files into a folder each: one bad one stops nothing, and a stopped run goes on."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from compat_matrix import batch
from converter.errors import UsageError

GOOD = (
    "multi-tf.keras-2.2.4-tf1.14.h5",
    "nested-tf.keras-2.2.4-tf.h5",
    "batchnorm-tf.keras-2.2.4-tf.h5",
)

toolchains = pytest.mark.toolchain("tf1.15-keras2.3", "tf2.2")


def _command(paths: Sequence[Path], root: Path) -> list[str]:
    names = [str(path) for path in paths]
    return [
        *(sys.executable, "-m", "converter.cli.main", "batch", *names),
        *("--into", str(root), "--jobs", "1", "--serving", "local"),
    ]


def _run(paths: Sequence[Path], root: Path, code: int) -> dict[str, Any]:
    done = subprocess.run(_command(paths, root), capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert done.stdout.strip() == str(root / "batch.json")
    found: dict[str, Any] = json.loads((root / "batch.json").read_text())
    return found


def _published(root: Path) -> list[str]:
    return sorted(p.parent.relative_to(root).as_posix() for p in root.glob("*/*/saved_model.pb"))


@toolchains
def test_each_file_has_its_folder_and_a_bad_one_its_reason(
    fixtures_folder: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.h5"
    bad.write_text("not HDF5")
    paths = [fixtures_folder / GOOD[0], bad, fixtures_folder / GOOD[1]]
    root = tmp_path / "served"
    summary = _run(paths, root, code=1)
    assert (summary["schema"], summary["published"], summary["failed"]) == (batch.SCHEMA, 2, 1)
    first, second, third = summary["files"]
    assert (first["published"], first["strategy"]) == (f"{Path(GOOD[0]).stem}/1", "direct")
    assert first["reference"] == "tf.keras in tf1.15-keras2.3"
    assert first["max_abs"] < 1e-5
    assert (second["exit_code"], second["published"]) == (3, "")
    assert "HDF5" in second["error"]
    assert third["published"] == f"{Path(GOOD[1]).stem}/1"
    assert _published(root) == sorted([first["published"], third["published"]])
    # Once more: nothing is converted again, and nothing is published twice.
    assert _run(paths, root, code=1) == summary
    assert len(_published(root)) == 2


@toolchains
def test_a_run_that_is_killed_goes_on_and_publishes_nothing_twice(
    fixtures_folder: Path, tmp_path: Path
) -> None:
    paths = [fixtures_folder / name for name in GOOD]
    root = tmp_path / "served"
    process = subprocess.Popen(
        _command(paths, root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not _published(root):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    summary = _run(paths, root, code=0)
    assert summary["published"] == 3
    assert _published(root) == sorted(f"{Path(name).stem}/1" for name in GOOD)
    assert sorted(item["published"] for item in summary["files"]) == _published(root)


def test_files_of_one_name_get_folders_by_where_they_are(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "model.h5", tmp_path / "b" / "c" / "model.h5", tmp_path / "x.h5"]
    assert list(batch.named(paths).values()) == ["a-model", "b-c-model", "x"]
    assert batch.named([tmp_path / "model.h5"]) == {tmp_path / "model.h5": "model"}


def test_a_file_that_is_named_twice_is_converted_once(tmp_path: Path) -> None:
    assert batch.named([tmp_path / "m.h5", tmp_path / "m.h5"]) == {tmp_path / "m.h5": "m"}


def test_two_of_one_name_in_files_of_different_suffixes_differ(tmp_path: Path) -> None:
    paths = [tmp_path / "m.h5", tmp_path / "m.hdf5"]
    assert len(set(batch.named(paths).values())) == 2


def test_paths_that_read_alike_are_refused(tmp_path: Path) -> None:
    alike = [tmp_path / "a" / "b-m.h5", tmp_path / "a-b" / "m.h5", tmp_path / "c" / "b-m.h5"]
    more = [*alike, tmp_path / "d" / "m.h5"]
    with pytest.raises(UsageError, match="would have the same folder"):
        batch.named(more)


def test_the_summary_counts_what_failed() -> None:
    good = batch.Item("a", "a.h5", "1" * 64, 0, published="a/1")
    bad = dataclasses.replace(good, name="b", exit_code=3, published="", error="why")
    told = batch.document([good, bad])
    assert (told["published"], told["failed"]) == (1, 1)
    assert [item["name"] for item in told["files"]] == ["a", "b"]
