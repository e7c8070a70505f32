"""The child process that reads files ends by itself, whatever the file does to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from converter.errors import SourceTruncated
from converter.source import isolated
from converter.source.read import read
from testing.hdf5 import write_model

HANG = Path(__file__).parents[1] / "attacks" / "files" / "hang-1.h5"


def test_a_file_that_hangs_the_library_is_told_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolated, "DEADLINE", 2.0)
    with pytest.raises(SourceTruncated, match="more than 2 s"):
        read(HANG)


def test_nothing_is_imported_from_the_folder_of_the_caller(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("h5py", "numpy", "converter"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    write_model(tmp_path / "model.h5")
    monkeypatch.chdir(tmp_path)
    assert read(Path("model.h5")).weights.arrays > 0
    assert not (tmp_path / "ran").exists()


def test_a_lower_limit_of_the_system_is_kept(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.h5")
    command = f"ulimit -v 4000000; exec {sys.executable} -m converter.cli.main inspect {model}"
    done = subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
