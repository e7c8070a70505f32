"""The plugin, in a pytest of its own, on a right and on a wrong SavedModel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from converter import Options, convert

TESTS = """
def test_right(assert_served_equal):
    report = assert_served_equal({source!r}, {right!r})
    assert report.exit_code == 0


def test_wrong(assert_served_equal):
    assert_served_equal({source!r}, {wrong!r})
"""


@pytest.mark.toolchain("tf2.15")
def test_a_right_model_passes_and_a_wrong_one_fails_with_the_reason(
    fixtures_folder: Path, tmp_path: Path
) -> None:
    source = fixtures_folder / "digits-tf.keras-2.15.h5"
    other = fixtures_folder / "digits-tf.keras-2.4.0.h5"
    quick = Options(strategy="direct", verify=False)
    right = convert(source, tmp_path / "right", quick).published
    damaged = _with_a_layer_forgotten(other, tmp_path / "other.h5")
    wrong = convert(damaged, tmp_path / "wrong", quick).published
    told = TESTS.format(source=str(source), right=str(right), wrong=str(wrong))
    (tmp_path / "test_models.py").write_text(told)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-p", "converter.pytest_plugin", "test_models.py"),
        ],
        cwd=tmp_path,
        # Else it is there a second time, where the package is installed.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "does not answer as" in done.stdout


def _with_a_layer_forgotten(source: Path, target: Path) -> Path:
    target.write_bytes(source.read_bytes())
    with h5py.File(target, "r+") as file:
        file["model_weights/hidden/hidden/kernel:0"][...] = 0.0
    return target
