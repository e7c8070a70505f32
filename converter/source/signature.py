"""What a file is by its first bytes, before any library looks at it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from converter.errors import KerasArchive, NotHDF5, SourceNotFound, SourceNotReadable

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"


def check(path: Path) -> int:
    """Size of the file in bytes, when it is a regular file that starts as HDF5 does.

    Raises SourceNotFound, SourceNotReadable, KerasArchive or NotHDF5.
    """
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            what = "a directory" if stat.S_ISDIR(kind) else "not a regular file"
            raise SourceNotReadable(
                f"{path} is {what}",
                why="a Keras .h5 model is one file",
                fix="Give the .h5 file itself; a folder with saved_model.pb needs no conversion",
            )
        with path.open("rb") as stream:
            start = stream.read(8)
            size = os.fstat(stream.fileno()).st_size
    except FileNotFoundError as error:
        raise SourceNotFound(f"There is no file {path}", fix="Check the path") from error
    except OSError as error:
        raise SourceNotReadable(
            f"{path} cannot be read", why=str(error.strerror), fix="Check its permissions"
        ) from error
    if start.startswith(ZIP):
        raise KerasArchive(
            f"{path} is a zip archive",
            why="that is the .keras format of Keras 3, not HDF5",
            fix="Load it in Keras 3 and write it with model.export(folder), or save it as .h5",
        )
    if start != HDF5:
        found = "it is empty" if size == 0 else f"it starts with {start!r}"
        raise NotHDF5(
            f"{path} is not an HDF5 file", why=found, fix="Give a file that Keras saved as .h5"
        )
    return size
