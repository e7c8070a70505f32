"""Open a hostile HDF5 file and look at its structure; no dataset is read here.

What is refused and why: docs/safety.md. Sources: CVE-2026-1669 (external storage and links read
local files into weights), CVE-2026-0897 (declared shapes far beyond what is stored).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from converter.errors import (
    ConfigUnreadable,
    KerasArchive,
    NotHDF5,
    SourceNotFound,
    SourceNotReadable,
    SourceTruncated,
)
from converter.source.model import Finding

SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE = b"PK\x03\x04"
MAX_OBJECTS = 1_000_000
MAX_DEPTH = 64
MAX_JSON_BYTES = 256 * 1024 * 1024
BOMB_BYTES = 64 * 1024 * 1024
BOMB_RATIO = 1000
ATTRIBUTE_LIMIT_HINT = "see 'convert-h5 inspect' for what the file holds"


def check_signature(path: Path) -> int:
    """Size of the file in bytes, when it can be read and looks like HDF5.

    Raises SourceNotFound, SourceNotReadable, KerasArchive or NotHDF5.
    """
    if path.is_dir():
        raise SourceNotReadable(
            f"{path} is a directory",
            why="a Keras .h5 model is one file",
            fix="Give the .h5 file itself; a folder with saved_model.pb needs no conversion",
        )
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
            size = os.fstat(stream.fileno()).st_size
    except FileNotFoundError as error:
        raise SourceNotFound(f"There is no file {path}", fix="Check the path") from error
    except OSError as error:
        raise SourceNotReadable(
            f"{path} cannot be read", why=str(error.strerror), fix="Check its permissions"
        ) from error
    if start.startswith(ZIP_SIGNATURE):
        raise KerasArchive(
            f"{path} is a zip archive",
            why="that is the .keras format of Keras 3, not HDF5",
            fix="Load it in Keras 3 and write it with model.export(folder), or save it as .h5",
        )
    if start != SIGNATURE:
        found = "it is empty" if size == 0 else f"it starts with {start!r}"
        raise NotHDF5(
            f"{path} is not an HDF5 file", why=found, fix="Give a file that Keras saved as .h5"
        )
    return size


def open_file(path: Path) -> h5py.File:
    """The file, opened for reading only. Raises SourceTruncated when HDF5 makes no sense of it."""
    try:
        return h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError) as error:
        raise SourceTruncated(
            f"{path} is damaged or cut short",
            why=_first_line(error),
            fix="Copy or download it again and compare the sizes",
        ) from error


def scan_structure(file: h5py.File, size: int) -> Iterator[Finding]:
    """Findings about links and datasets anywhere in the file. `size`: the file's bytes.

    Raises SourceTruncated for an object that cannot be opened.
    """
    waiting: list[tuple[str, h5py.Group, int]] = [("", file["/"], 0)]
    seen: set[int] = set()
    objects = 0
    while waiting:
        prefix, group, depth = waiting.pop()
        for name in group:
            objects += 1
            path = f"{prefix}/{name}"
            if objects > MAX_OBJECTS or depth > MAX_DEPTH:
                yield Finding("hdf5-nesting", path, "more objects or deeper groups than any model")
                return
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield Finding(
                    "external-link", path, f"leads to {link.path} in the file {link.filename}"
                )
                continue
            if isinstance(link, h5py.SoftLink):
                yield Finding("soft-link", path, f"leads to {link.path}; Keras writes none")
                continue
            item = _object(group, name, path)
            if isinstance(item, h5py.Group):
                address = h5py.h5o.get_info(item.id).addr
                if address not in seen:
                    seen.add(address)
                    waiting.append((path, item, depth + 1))
            elif isinstance(item, h5py.Dataset):
                yield from _scan_dataset(item, path, size)


def _object(group: h5py.Group, name: str, path: str) -> Any:
    try:
        return group[name]
    except (KeyError, OSError, RuntimeError) as error:
        raise SourceTruncated(
            f"The object {path} of the file cannot be opened",
            why=_first_line(error),
            fix="Copy or download the file again",
        ) from error


def _scan_dataset(dataset: h5py.Dataset, path: str, size: int) -> Iterator[Finding]:
    if dataset.is_virtual:
        yield Finding("virtual-dataset", path, "its values are taken from other files")
        return
    if dataset.external:
        names = ", ".join(name for name, *_ in dataset.external)
        yield Finding("external-storage", path, f"its values are read from {names}")
        return
    declared = int(np.prod(dataset.shape or (1,), dtype=object)) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    plain = dataset.id.get_create_plist().get_nfilters() == 0
    impossible = plain and declared > size and declared > stored
    if impossible or (declared > BOMB_BYTES and declared > BOMB_RATIO * max(stored, 1)):
        yield Finding(
            "shape-bomb",
            path,
            f"declares {declared} bytes (shape {dataset.shape}), the file stores {stored}",
        )


def text_attribute(file: h5py.File, name: str) -> str | None:
    """A text attribute, however it was written: str, bytes, or one-element array.

    Raises ConfigUnreadable for anything else.
    """
    holder = file if name in file.attrs else file.get("model_weights")
    if holder is None or name not in holder.attrs:
        return None
    try:
        value = holder.attrs[name]
    except (OSError, RuntimeError) as error:
        raise ConfigUnreadable(
            f"The attribute '{name}' cannot be read", why=_first_line(error)
        ) from error
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, h5py.Empty):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return str(value)
    raise ConfigUnreadable(
        f"The attribute '{name}' is not text",
        why=f"it holds {type(value).__name__}",
        fix=ATTRIBUTE_LIMIT_HINT,
    )


def json_attribute(file: h5py.File, name: str) -> Any | None:
    """A JSON attribute, NaN and Infinity allowed as Keras writes them; None when absent.

    Raises ConfigUnreadable when it is not JSON, or too large or too deep to be a model's.
    """
    text = text_attribute(file, name)
    if text is None:
        return None
    if len(text) > MAX_JSON_BYTES:
        raise ConfigUnreadable(f"The attribute '{name}' has {len(text)} characters")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ConfigUnreadable(
            f"The attribute '{name}' is nested too deeply to be a model's"
        ) from error
    except ValueError as error:
        raise ConfigUnreadable(
            f"The attribute '{name}' is not JSON",
            why=str(error),
            fix="Save the model again with the Keras that made it",
        ) from error


def name_list(group: h5py.Group, name: str) -> list[str]:
    """A list-of-names attribute, which Keras splits into name0, name1, ... past 64 KiB.

    Source: keras/engine/saving.py save_attributes_to_hdf5_group.
    """
    attributes = group.attrs
    if name in attributes:
        parts = [attributes[name]]
    else:
        parts = []
        while f"{name}{len(parts)}" in attributes:
            parts.append(attributes[f"{name}{len(parts)}"])
    flat = [item for part in parts for item in np.ravel(part)]
    return [
        item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in flat
    ]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].strip("'\"")
