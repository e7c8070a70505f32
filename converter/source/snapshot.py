"""A private, read-only copy of the source: what was scanned is what will be loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from converter.errors import UsageError
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
