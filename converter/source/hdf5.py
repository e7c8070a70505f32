"""Look at the structure of a hostile HDF5 file; no dataset is read here.

Runs in the child process of isolated.py: damaged files can crash or hang the HDF5 library itself.

What is refused and why: docs/safety.md. Sources: CVE-2026-1669 (external storage and links read
local files into weights), CVE-2026-0897 (declared shapes far beyond what is stored).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from converter.errors import ConfigUnreadable, SourceTruncated
from converter.source.model import Finding

MAX_OBJECTS = 1_000_000
MAX_DEPTH = 64
BOMB_BYTES = 64 * 1024 * 1024
BOMB_RATIO = 1000


def scan_structure(file: h5py.File, size: int) -> Iterator[Finding]:
    """Findings about links and datasets anywhere in the file. `size`: the file's bytes.

    Raises SourceTruncated for an object that cannot be opened.
    """
    waiting: list[tuple[str, h5py.Group, int]] = [("", file["/"], 0)]
    seen: set[int] = set()
    objects = 0
    declared = stored = 0
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
                declared += _declared(item)
                stored += item.id.get_storage_size()
    if _is_bomb(declared, stored):
        yield Finding(
            "shape-bomb", "/", f"declares {declared} bytes in all, the file stores {stored}"
        )


def _object(group: h5py.Group, name: str, path: str) -> Any:
    try:
        return group[name]
    except (KeyError, OSError, RuntimeError) as error:
        raise SourceTruncated(
            f"The object {path} of the file cannot be opened",
            why=first_line(error),
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
    declared, stored = _declared(dataset), dataset.id.get_storage_size()
    plain = dataset.id.get_create_plist().get_nfilters() == 0
    impossible = plain and declared > size and declared > stored
    if impossible or _is_bomb(declared, stored):
        yield Finding(
            "shape-bomb",
            path,
            f"declares {declared} bytes (shape {dataset.shape}), the file stores {stored}",
        )


def _declared(dataset: h5py.Dataset) -> int:
    size: int = dataset.dtype.itemsize
    return int(np.prod(dataset.shape or (1,), dtype=object)) * size


def _is_bomb(declared: int, stored: int) -> bool:
    return declared > BOMB_BYTES and declared > BOMB_RATIO * max(stored, 1)


def text_attribute(holder: h5py.Group, name: str) -> str | None:
    """A text attribute, however it was written: str, bytes, or one-element array; None if absent.

    Raises ConfigUnreadable for anything else.
    """
    if name not in holder.attrs:
        return None
    try:
        value = holder.attrs[name]
    except (OSError, RuntimeError) as error:
        raise ConfigUnreadable(
            f"The attribute '{name}' cannot be read", why=first_line(error)
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
        fix="Save the model again with the Keras that made it",
    )


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
    flat = [item for part in parts if not isinstance(part, h5py.Empty) for item in np.ravel(part)]
    return [
        item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in flat
    ]


def first_line(error: Exception) -> str:
    """The first line of what a library says, without its quotes."""
    return (str(error).splitlines() or [type(error).__name__])[0].strip("'\"")
