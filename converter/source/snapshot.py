"""The source held still: what was scanned is what will be loaded, or compiled.

For loading, which may run the file's code, a private copy is taken. What is only read as data stays
where it is, and is watched.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from converter.errors import SourceChanged, UsageError
from converter.source import signature

CHUNK = 4 * 1024 * 1024
# Keras chooses its HDF5 reader by this suffix, whatever the source is called.
NAME = "model.h5"


def take(path: Path, folder: Path) -> tuple[Path, str]:
    """(the copy in `folder`, sha256 of its bytes as hex). The source is opened for reading only.

    Raises the SourceError that fits; UsageError when there is no room for the copy.
    """
    signature.check(path)
    copy = folder / NAME
    digest = hashlib.sha256()
    try:
        with path.open("rb") as source, copy.open("wb") as target:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                target.write(chunk)
        copy.chmod(0o400)
    except OSError as error:
        raise UsageError(
            f"{path} could not be copied to {folder}",
            why=str(error.strerror),
            fix="Free some space, or set CONVERT_H5_CACHE to a folder with room",
        ) from error
    return copy, digest.hexdigest()


@contextlib.contextmanager
def watch(path: Path) -> Iterator[Callable[[], str]]:
    """A function that gives the sha256 of the file as hex, which is worked out meanwhile.

    The function raises SourceChanged where the file is not as it was when this was entered. Raises
    the SourceError that fits.
    """
    signature.check(path)
    before = _identity(path)
    with path.open("rb") as source, ThreadPoolExecutor(1) as thread:
        found = thread.submit(_digest, source)

        def digest() -> str:
            known = found.result()
            if _identity(path) != before:
                raise SourceChanged(
                    f"{path} was changed while it was read",
                    fix="Run again when nobody writes to it",
                )
            return known

        yield digest


def _digest(source: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _identity(path: Path) -> tuple[int, ...]:
    """What changes with every write; nobody but the kernel sets the time of the last change."""
    told = path.stat()
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns
