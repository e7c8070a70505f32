"""A TensorFlow that the catalog lacks is added by one command: the newest, taken out before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from converter.toolchain import catalog, interpreters

ROOT = Path(__file__).parents[2]
NEWEST = list(catalog.load().values())[-1]
PARTS = ("converter", "scripts", "docs", "tox.ini")


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A copy of the project from before the newest TensorFlow."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / part, tmp_path / part)
    listed = tmp_path / "converter" / "toolchain" / "catalog.toml"
    before, _ = listed.read_text().split(f'\n[[toolchain]]\nid = "{NEWEST.id}"')
    listed.write_text(before)
    (tmp_path / "converter" / "toolchain" / "locks" / f"{NEWEST.id}.txt").unlink()
    return tmp_path


def _add(folder: Path, tensorflow: str) -> subprocess.CompletedProcess[str]:
    versions = {flavour.name: flavour.version for flavour in NEWEST.flavours}
    return subprocess.run(
        [
            *(sys.executable, "scripts/add_version.py", tensorflow, "--python", *NEWEST.python),
            *("--keras", versions["keras3"], "--tf-keras", versions["tf_keras"]),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_newest_is_added_again(older: Path) -> None:
    if interpreters.find(NEWEST.python[0]) is None:
        pytest.skip(f"there is no Python {NEWEST.python[0]} to resolve for")
    done = _add(older, NEWEST.tensorflow)
    assert done.returncode == 0, done.stderr
    shown = (
        "import sys; from converter.toolchain import catalog; t = list(catalog.load().values())[-1]"
    )
    check = f"{shown}; print(t.id, t.tensorflow, t.serving, [f.name for f in t.flavours])"
    told = subprocess.run(
        [sys.executable, "-c", check], cwd=older, capture_output=True, text=True, check=True
    )
    names = [flavour.name for flavour in NEWEST.flavours]
    assert told.stdout.strip() == f"{NEWEST.id} {NEWEST.tensorflow} {NEWEST.serving} {names}"
    lock = older / "converter" / "toolchain" / "locks" / f"{NEWEST.id}.txt"
    assert f"tensorflow-cpu=={NEWEST.tensorflow}" in lock.read_text()
    for page in ("tox.ini", "docs/toolchains.md"):
        assert (older / page).read_text() == (ROOT / page).read_text()


def test_one_that_is_there_is_refused(tmp_path: Path) -> None:
    done = _add(ROOT, "2.2.3")
    assert done.returncode == 2
    assert "the catalog is there up to" in done.stderr
