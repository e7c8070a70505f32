"""Whatever ends a run, and whenever: no incomplete version, no staging left after the next run."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing import cli

# Fifty, most of them by the strategy that is over in a moment.
KILLS = {"builder": 10, "direct": 40}

pytestmark = pytest.mark.toolchain("tf1.15-keras2.3")


@pytest.fixture
def digits(fixtures_folder: Path) -> Path:
    return fixtures_folder / "digits-tf.keras-2.2.4-tf.h5"


def _start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*cli.IN_FOREGROUND, *cli.command(*arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _content(version: Path) -> set[str]:
    return {str(p.relative_to(version)) for p in version.rglob("*") if p.is_file()}


def _published(folder: Path) -> list[Path]:
    return [p for p in folder.iterdir() if p.name.isdecimal()] if folder.exists() else []


@pytest.mark.parametrize(("strategy", "kills"), KILLS.items())
def test_kills_at_random_moments_never_leave_an_incomplete_version(
    strategy: str, kills: int, digits: Path, tmp_path: Path
) -> None:
    target = tmp_path / "m"
    arguments = (digits, target, "--strategy", strategy, "--no-verify")
    began = time.monotonic()
    assert cli.run(*arguments).code == 0
    whole = time.monotonic() - began
    complete = _content(target / "1")
    assert complete >= {"saved_model.pb", "assets.extra/convert-h5.json"}
    dice = random.Random(7)
    for turn in range(kills):
        process = _start(*arguments)
        # Every other kill falls into the last fifth, where the folder is written and renamed.
        low = 0.8 if turn % 2 else 0.0
        time.sleep(dice.uniform(low, 1.05) * whole)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for version in _published(target):
            assert _content(version) == complete
            json.loads((version / "assets.extra" / "convert-h5.json").read_text())
    assert cli.run(*arguments).code == 0
    assert all(name.isdecimal() for name in cli.versions(target))


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_cleans_up_and_ends_with_130(
    kind: signal.Signals, digits: Path, tmp_path: Path
) -> None:
    target = tmp_path / "m"
    process = _start(digits, target, "--strategy", "builder", "--no-verify")
    try:
        workers = _workers_at_work(process.pid, target)
        process.send_signal(kind)
    finally:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.strip().splitlines()[-1] == ("convert-h5: interrupted; everything was cleaned up")
    assert cli.versions(target) == []
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def _workers_at_work(pid: int, target: Path) -> list[int]:
    """The run's child processes, once it has a staging folder and a worker."""
    for _ in range(600):
        workers = list(_children(pid))
        if cli.versions(target) and workers:
            return workers
        time.sleep(0.02)
    raise AssertionError("the run never came to its worker")


def _children(pid: int) -> Iterator[int]:
    """Processes whose parent is `pid` (field 4 of /proc/<pid>/stat, after the name in brackets)."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            stat = (folder / "stat").read_text()
            if int(stat.rsplit(")", 1)[1].split()[1]) == pid:
                yield int(folder.name)


def test_two_runs_at_once_get_two_versions(digits: Path, tmp_path: Path) -> None:
    arguments = (digits, tmp_path / "m", "--strategy", "builder", "--no-verify")
    runs = [_start(*arguments) for _ in range(2)]
    printed = sorted(process.communicate()[0].strip() for process in runs)
    assert [process.returncode for process in runs] == [0, 0]
    assert printed == [str(tmp_path / "m" / "1"), str(tmp_path / "m" / "2")]
    assert cli.versions(tmp_path / "m") == ["1", "2"]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(digits: Path, full_disk: Path) -> None:
    filler = full_disk / "filler"
    filler.write_bytes(b"x" * (200 * 1024))
    done = cli.run(digits, full_disk / "m", "--strategy", "builder", "--no-verify")
    assert done.code == 2
    assert done.last_line.endswith("[target-full]")
    assert "Traceback" not in done.err
    assert cli.versions(full_disk / "m") == []
