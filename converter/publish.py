"""Make a proven SavedModel appear under the export folder: staged beside it, fsynced, one rename.

A staging folder is `.convert-h5-<random>` inside the export folder, on the target's own file
system; TensorFlow Serving ignores it, its name being no number. Its owner holds a lock on a file in
it, which the kernel releases however the owner ends; the next run removes folders whose lock is
free.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from converter.errors import ConvertH5Error, TargetFull, TargetNotWritable, VersionExists

PREFIX = ".convert-h5-"
OWNER_LOCK = "owner.lock"
MANIFEST = Path("assets.extra", "convert-h5.json")

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def staging(export_folder: Path) -> Iterator[Path]:
    """A private folder inside `export_folder`, gone at the end; dead ones of others go first.

    Raises TargetNotWritable or TargetFull.
    """
    try:
        export_folder.mkdir(parents=True, exist_ok=True)
        remove_dead(export_folder)
    except OSError as error:
        raise target_error(export_folder, error) from error
    while True:
        folder = export_folder / f"{PREFIX}{secrets.token_hex(8)}"
        lock = filelock.FileLock(folder / OWNER_LOCK)
        try:  # from before the folder is there: an interrupt may come at any moment
            if _claim(folder, lock):
                yield folder
                return
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()


def _claim(folder: Path, lock: filelock.BaseFileLock) -> bool:
    """Make `folder` and take its lock; False when another run took it for dead meanwhile.

    Raises TargetNotWritable or TargetFull.
    """
    try:
        folder.mkdir()
        with contextlib.suppress(filelock.Timeout, FileNotFoundError):
            lock.acquire(timeout=0)
    except OSError as error:
        raise target_error(folder.parent, error) from error
    return lock.is_locked and Path(lock.lock_file).exists()


def remove_dead(export_folder: Path) -> None:
    """Remove staging folders whose owner is gone."""
    for folder in export_folder.glob(f"{PREFIX}*"):
        lock = filelock.FileLock(folder / OWNER_LOCK)
        try:
            lock.acquire(timeout=0)
        except (filelock.Timeout, OSError):
            continue  # alive, or removed by its owner just now
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def check_version(export_folder: Path, version: int | None) -> None:
    """Raise VersionExists if the asked-for `version` is there already."""
    try:
        taken = version is not None and (export_folder / str(version)).exists()
    except OSError as error:
        raise target_error(export_folder, error) from error
    if taken:
        raise VersionExists(
            f"Version {version} already exists in {export_folder}",
            why="a published version is never overwritten",
            fix="Choose another --model-version, or leave it out for the next free one",
        )


def publish(
    staged: Path, export_folder: Path, version: int | None, manifest: dict[str, Any]
) -> Path:
    """Move the SavedModel in `staged` to a version folder, its manifest inside; returns the folder.

    Raises VersionExists, TargetFull or TargetNotWritable; nothing is visible then.
    """
    try:
        path = staged / MANIFEST
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        sync_tree(staged)
        published = _rename(staged, export_folder, version)
        _sync(export_folder)
    except OSError as error:
        raise target_error(export_folder, error) from error
    return published


def _rename(staged: Path, export_folder: Path, version: int | None) -> Path:
    """One rename. Two runs at once get two numbers: a rename onto a filled folder fails."""
    while True:
        check_version(export_folder, version)
        target = export_folder / str(next_version(export_folder) if version is None else version)
        try:
            staged.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return target


def next_version(export_folder: Path) -> int:
    """One more than the largest number in the folder; 1 in an empty one."""
    return max((int(p.name) for p in export_folder.iterdir() if p.name.isdecimal()), default=0) + 1


def sync_tree(folder: Path) -> None:
    """fsync every file and folder below, and the folder itself."""
    for parent, _, names in os.walk(folder):
        for name in names:
            _sync(Path(parent, name))
        _sync(Path(parent))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def target_error(export_folder: Path, error: OSError) -> ConvertH5Error:
    """The typed error for a file-system failure at the target."""
    if error.errno in NO_ROOM:
        return TargetFull(
            f"There is no room left at {export_folder}",
            why=str(error.strerror),
            fix="Free some space and run again; nothing was published",
        )
    return TargetNotWritable(
        f"{export_folder} cannot be written to",
        why=str(error.strerror or error),
        fix="Check its permissions, and that it is a folder",
    )
