"""A SavedModel appears whole and at once, under a number that nobody had before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from converter.errors import ConvertH5Error, TargetFull, TargetNotWritable, VersionExists
from converter.publish import MANIFEST, OWNER_LOCK, PREFIX, check_version, publish, staging
from testing.cli import IN_FOREGROUND

HOLD = """
import sys, time
from pathlib import Path
from converter.publish import staging
with staging(Path(sys.argv[1])) as folder:
    (folder / "half.pb").write_text("half")
    print(folder, flush=True)
    time.sleep(600)
"""

PUBLISH_FIVE = """
import sys
from pathlib import Path
from converter.publish import publish, staging
folder, name = Path(sys.argv[1]), sys.argv[2]
sys.stdin.readline()
for turn in range(5):
    with staging(folder) as staged:
        (staged / "m").mkdir()
        print(publish(staged / "m", folder, None, {"by": name, "turn": turn}))
"""


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export folder that does not exist yet."""
    return tmp_path / "models" / "m"


def _publish(export: Path, version: int | None = None, content: str = "new") -> Path:
    with staging(export) as staged:
        model = staged / "1"
        (model / "variables").mkdir(parents=True)
        (model / "saved_model.pb").write_text(content)
        return publish(model, export, version, {"schema": "test"})


def _names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_first_version_is_1_and_holds_what_was_staged(export: Path) -> None:
    published = _publish(export)
    assert published == export / "1"
    assert (published / "saved_model.pb").read_text() == "new"
    assert _names(published) == ["assets.extra", "saved_model.pb", "variables"]


def test_the_manifest_is_inside_where_tensorflow_serving_ignores_it(export: Path) -> None:
    manifest = _publish(export) / MANIFEST
    assert manifest.parent.name == "assets.extra"
    assert json.loads(manifest.read_text()) == {"schema": "test"}


def test_a_published_folder_is_all_that_is_left(export: Path) -> None:
    _publish(export)
    assert _names(export) == ["1"]


@pytest.mark.parametrize(
    ("present", "version"),
    [([], "1"), (["1"], "2"), (["1", "7"], "8"), (["9", "10"], "11"), (["0", "notes", "1.5"], "1")],
)
def test_the_next_version_is_one_more_than_the_largest(
    export: Path, present: list[str], version: str
) -> None:
    for name in present:
        (export / name).mkdir(parents=True)
    assert _publish(export).name == version


def test_an_asked_for_version_is_taken(export: Path) -> None:
    assert _publish(export, 42) == export / "42"
    assert _publish(export).name == "43"


@pytest.mark.parametrize("present", ["a version", "an empty folder", "a file"])
def test_nothing_is_ever_overwritten(export: Path, present: str) -> None:
    target = export / "3"
    if present == "a version":
        _publish(export, 3, "old")
    elif present == "an empty folder":
        target.mkdir(parents=True)
    else:
        export.mkdir(parents=True)
        target.write_text("old")
    with pytest.raises(VersionExists, match="3 already exists"):
        check_version(export, 3)
    with pytest.raises(VersionExists):
        _publish(export, 3)
    assert _names(export) == ["3"]
    if present == "a version":
        assert (target / "saved_model.pb").read_text() == "old"
    elif present == "an empty folder":
        assert _names(target) == []
    else:
        assert target.read_text() == "old"


def test_an_absent_version_and_no_version_are_free(export: Path) -> None:
    _publish(export)
    check_version(export, 2)
    check_version(export, None)


def test_staging_is_private_beside_the_target_and_gone_at_the_end(export: Path) -> None:
    with staging(export) as staged:
        assert staged.parent == export
        assert staged.name.startswith(PREFIX)
        (staged / "half.pb").write_text("half")
    assert _names(export) == []


def test_staging_is_gone_after_an_exception(export: Path) -> None:
    def fail() -> None:
        with staging(export) as staged:
            (staged / "half.pb").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert _names(export) == []


@pytest.mark.parametrize("below", [("x",), ("x", "y")])
def test_a_target_that_cannot_be_made_is_a_typed_error(
    tmp_path: Path, below: tuple[str, ...]
) -> None:
    file = tmp_path / "file"
    file.touch()
    with (
        pytest.raises(TargetNotWritable, match="cannot be written to"),
        staging(file / Path(*below)),
    ):
        pytest.fail("staged below a file")


def test_a_target_that_is_a_file_is_a_typed_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(TargetNotWritable), staging(file):
        pytest.fail("staged in a file")
    assert file.read_text() == "old"


def test_a_full_disk_is_a_typed_error_and_publishes_nothing(export: Path) -> None:
    with staging(export) as staged:
        model = staged / "1"
        (model / MANIFEST.parent).mkdir(parents=True)
        # The kernel answers every write to this device with ENOSPC.
        (model / MANIFEST).symlink_to("/dev/full")
        with pytest.raises(TargetFull, match="no room") as caught:
            publish(model, export, None, {})
    assert caught.value.why == os.strerror(28)
    assert _names(export) == []


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 64 KB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_file_system_that_is_full_publishes_nothing(tiny: Path) -> None:
    export = tiny / "m"
    with staging(export) as staged:
        model = staged / "1"
        model.mkdir()
        with pytest.raises(OSError, match="No space"):
            (tiny / "filler").write_bytes(bytes(100_000))
        with pytest.raises(TargetFull):
            publish(model, export, None, {"schema": "test"})
    assert _names(export) == []


def _holder(export: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that holds a staging folder, and the folder."""
    process = subprocess.Popen(
        [*IN_FOREGROUND, sys.executable, "-c", HOLD, str(export)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_next_run_removes_what_a_killed_one_left(export: Path) -> None:
    process, folder = _holder(export)
    _kill(process)
    assert (folder / "half.pb").exists()
    with staging(export) as staged:
        assert _names(export) == [staged.name]


def test_a_living_run_keeps_its_staging_folder(export: Path) -> None:
    process, folder = _holder(export)
    try:
        with staging(export):
            assert (folder / "half.pb").exists()
        assert (folder / "half.pb").exists()
    finally:
        _kill(process)


def test_an_interrupted_process_leaves_nothing(export: Path) -> None:
    process, folder = _holder(export)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert not folder.exists()


def test_what_only_looks_like_a_staging_folder_does_no_harm(export: Path) -> None:
    export.mkdir(parents=True)
    (export / f"{PREFIX}note").write_text("mine")
    _publish(export)
    assert _names(export) == [f"{PREFIX}note", "1"]


def test_a_staging_folder_without_a_lock_is_dead(export: Path) -> None:
    dead = export / f"{PREFIX}dead"
    dead.mkdir(parents=True)
    with staging(export) as staged:
        assert _names(export) == [staged.name]
        assert (staged / OWNER_LOCK).exists()


def test_processes_that_publish_at_once_get_a_version_each(export: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISH_FIVE, str(export), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abcd"
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [line for process in started for line in process.communicate()[0].split()]
    assert sorted(told) == sorted(str(export / str(n)) for n in range(1, 21))
    manifests = [json.loads((Path(path) / MANIFEST).read_text()) for path in told]
    assert len({(m["by"], m["turn"]) for m in manifests}) == 20
    assert len(_names(export)) == 20


def test_threads_that_want_the_same_version_get_it_once(export: Path) -> None:
    export.mkdir(parents=True)
    results: list[Path | ConvertH5Error] = []
    barrier = threading.Barrier(4)

    def run() -> None:
        with staging(export) as staged:
            (staged / "m").mkdir()
            barrier.wait()
            try:
                results.append(publish(staged / "m", export, 5, {}))
            except ConvertH5Error as error:
                results.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r for r in results if isinstance(r, Path)] == [export / "5"]
    assert [type(r) for r in results if not isinstance(r, Path)] == [VersionExists] * 3
