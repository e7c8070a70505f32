"""`convert-h5 matrix` from end to end, stopped in the middle too."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from compat_matrix import store
from converter.cli.main import main

FILE = "nested-tf.keras-2.15.h5"
ASKED = ("--toolchains", "tf2.15", "--servings", "2.2,2.15", "--jobs", "1")
FEWER = (*ASKED[:2], "--servings", "2.15", "--strategies", "direct,builder", "--jobs", "1")
# By direct and four strategies, at two releases.
CELLS = 5 * 2

pytestmark = pytest.mark.toolchain("tf2.15", "tf2.2")


def _command(folder: Path, out: Path, asked: tuple[str, ...]) -> list[str]:
    model = str(folder / FILE)
    return [sys.executable, "-m", "converter.cli.main", "matrix", model, *asked, "-o", str(out)]


def _run(folder: Path, out: Path, asked: tuple[str, ...] = ASKED) -> dict[str, Any]:
    done = subprocess.run(_command(folder, out, asked), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out / "matrix.html")
    found: dict[str, Any] = json.loads((out / "matrix.json").read_text())
    return found


def _results(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [{k: v for k, v in cell.items() if k != "seconds"} for cell in document["cells"]]


@pytest.fixture(scope="module")
def whole(fixtures_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing stopped."""
    out = tmp_path_factory.mktemp("matrix") / "results"
    _run(fixtures_folder, out)
    return out


def _document(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "matrix.json").read_text())
    return found


def test_every_cell_has_an_outcome_and_direct_is_right_everywhere(whole: Path) -> None:
    document = _document(whole)
    assert document["schema"] == "convert-h5/matrix/1"
    assert len(document["cells"]) == CELLS
    assert {c["kind"] for c in document["cells"] if c["strategy"] == "direct"} == {"pass"}
    others = Counter((c["serving"], c["kind"]) for c in document["cells"] if c["keras"])
    assert others == {("2.15", "pass"): 4, ("2.2", "known issue"): 4}


def test_it_is_written_in_every_format(whole: Path) -> None:
    assert "<!doctype html>" in (whole / "matrix.html").read_text().lower()
    with (whole / "matrix.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == CELLS
    table = (whole / "matrix.md").read_text()
    assert "| none | direct | 1 of 1 | 1 of 1 |" in table
    assert "| tf2.15 | save_model | 0 of 1, 1k | 1 of 1 |" in table
    assert "| tf.keras 2.15.0 | 2.2 | direct (1 of 1 right) |" in table


def test_nothing_is_measured_again(whole: Path, fixtures_folder: Path) -> None:
    kept = (whole / store.NAME).read_bytes()
    before = _document(whole)
    assert _run(fixtures_folder, whole)["cells"] == before["cells"]
    assert (whole / store.NAME).read_bytes() == kept


def test_a_run_that_is_killed_goes_on_where_it_was(
    whole: Path, fixtures_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    process = subprocess.Popen(
        _command(fixtures_folder, out, FEWER), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    lines = out / store.NAME
    while not lines.exists() or not lines.read_bytes().count(b"\n"):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = lines.read_bytes()
    resumed = _results(_run(fixtures_folder, out, FEWER))
    strategies = ("direct", "builder")
    before = [cell for cell in _results(_document(whole)) if cell["strategy"] in strategies]
    assert resumed == [cell for cell in before if cell["serving"] == "2.15"]
    assert lines.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    keys = Counter(json.loads(line)["key"] for line in lines.read_text().splitlines())
    assert set(keys.values()) == {1}
    assert len(keys) == len(resumed) == 2


def test_an_unknown_strategy_release_or_toolchain_is_refused(
    fixtures_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(fixtures_folder / FILE)
    for option, value, code in (
        ("--strategies", "magic", 2),
        ("--servings", "9.9", 5),
        ("--toolchains", "tf9*", 5),
    ):
        assert main(["matrix", model, option, value, "-o", str(tmp_path / "out")]) == code
        assert value in capsys.readouterr().err
    assert main(["matrix", str(tmp_path / "missing.h5"), "-o", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
