"""The child process that reads files ends by itself, whatever the file does to it."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from converter import isolation
from converter.errors import SourceTruncated
from converter.source import isolated
from testing.hdf5 import write_model

HANG = Path(__file__).parents[1] / "attacks" / "files" / "hang-1.h5"


def test_a_file_that_hangs_the_library_is_told_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolated, "DEADLINE", 2.0)
    with pytest.raises(SourceTruncated, match="more than 2 s"):
        isolated.contents(HANG, HANG.stat().st_size, HANG)


def test_a_child_whose_parent_is_gone_ends_by_its_own_limit() -> None:
    code = (
        "from converter.source import isolated; isolated.DEADLINE = 1.0;"
        f"isolated.main([{str(HANG)!r}, '{HANG.stat().st_size}'])"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=b"null", check=False, capture_output=True)
    assert done.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 10


def test_no_secret_reaches_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "hunter2")
    monkeypatch.setenv("HDF5_PLUGIN_PATH", "/plugins")
    environment = isolation._environment()
    assert "hunter2" not in environment.values()
    assert "HDF5_PLUGIN_PATH" not in environment


def test_nothing_is_imported_from_the_folder_of_the_caller(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("h5py", "numpy", "converter"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    model = write_model(tmp_path / "model.h5")
    monkeypatch.chdir(tmp_path)
    assert isolated.contents(Path("model.h5"), model.stat().st_size, model).weights.arrays > 0
    assert not (tmp_path / "ran").exists()


def test_a_lower_limit_of_the_system_is_kept(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.h5")
    command = f"ulimit -v 4000000; exec {sys.executable} -m converter.cli.main inspect {model}"
    done = subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
