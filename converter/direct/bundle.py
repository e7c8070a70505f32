"""Write variables as a TensorBundle: an index table and one shard with their bytes.

Source: tensorflow/core/util/tensor_bundle (layout, checksums) and core/lib/io/table_format.txt (the
index is a table of LevelDB's format: blocks of sorted keys, each with a checksum, and a footer).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import google_crc32c
import numpy as np

from converter.direct.dtypes import DATA_TYPES
from converter.direct.graph import Variable
from converter.direct.protos import shape_proto
from converter.wire.graph_pb2 import BundleEntryProto, BundleHeaderProto

Array = np.ndarray[Any, Any]

PREFIX = "variables"
# Of a TensorBundle of one shard.
INDEX, SHARD = f"{PREFIX}.index", f"{PREFIX}.data-00000-of-00001"
# What TensorFlow writes: a reader of version 0 is enough.
BUNDLE_VERSION = 1

# From LevelDB's table format.
_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_UNCOMPRESSED = 0
_RESTART_EVERY = 16
_BLOCK_ENTRIES = 1024
# "Masked", so that a checksum stored beside data is not mistaken for data (crc32c.h).
_MASK_DELTA = 0xA282EAD8


def write(folder: Path, variables: Sequence[Variable]) -> None:
    """Write the variables into `folder`, which must exist; each is read piece by piece.

    Raises OSError, and ValueError where the pieces are not the variable's bytes.
    """
    entries: list[tuple[bytes, bytes]] = []
    with (folder / SHARD).open("wb", buffering=0) as shard, Flushing(shard.fileno()) as flushing:
        for variable in variables:
            entry = BundleEntryProto(shape=shape_proto(variable.shape), offset=shard.tell())
            entry.dtype = DATA_TYPES[variable.dtype]  # type: ignore[assignment]
            checksum = 0
            for piece in variable.values():
                data = np.ascontiguousarray(piece).reshape(-1).view(np.uint8)
                checksum = google_crc32c.extend(checksum, data)
                entry.size += _written(shard, data)
                flushing.more()
            if entry.size != _bytes(variable):
                raise ValueError(f"{variable.name} has {entry.size} bytes, not {_bytes(variable)}")
            entry.crc32c = _masked(checksum)
            entries.append((variable.name.encode(), entry.SerializeToString(deterministic=True)))
    header = BundleHeaderProto(num_shards=1)
    header.version.producer = BUNDLE_VERSION
    entries.append((b"", header.SerializeToString(deterministic=True)))
    (folder / INDEX).write_bytes(_table(sorted(entries)))


class Flushing:
    """Sends to the disk what was written, while more is read: publishing waits for the disk.

    A context manager, which raises the OSError of the disk at its end.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._thread = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None

    def __enter__(self) -> Flushing:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        if self._under_way is not None:
            self._under_way.result()

    def more(self) -> None:
        """There is more to send."""
        if self._under_way is not None:
            if not self._under_way.done():
                return
            self._under_way.result()
        self._under_way = self._thread.submit(os.fdatasync, self._descriptor)


def _written(shard: IO[bytes], data: Array) -> int:
    """Write all of `data`; its size. One call of the system writes 2 GiB at most."""
    rest = data.data
    while rest:
        rest = rest[shard.write(rest) :]
    return data.nbytes


def _bytes(variable: Variable) -> int:
    size = 2 if variable.dtype == "bfloat16" else np.dtype(variable.dtype).itemsize
    for dimension in variable.shape:
        size *= dimension
    return size


def _table(entries: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A table of (key, value), sorted by key."""
    table = bytearray()
    handles: list[tuple[bytes, bytes]] = []
    for start in range(0, len(entries), _BLOCK_ENTRIES):
        block = entries[start : start + _BLOCK_ENTRIES]
        handles.append((block[-1][0], _put(table, _block(block))))
    meta = _put(table, _block([]))
    index = _put(table, _block(handles, restart_every=1))
    footer = (meta + index).ljust(_FOOTER_BYTES - 8, b"\0") + struct.pack("<Q", _MAGIC)
    return bytes(table) + footer


def _put(table: bytearray, block: bytes) -> bytes:
    """Append a block with its trailer; its handle (where it begins, and its size)."""
    handle = _varint(len(table)) + _varint(len(block))
    kind = bytes([_UNCOMPRESSED])
    table += block + kind + struct.pack("<I", _masked(google_crc32c.value(block + kind)))
    return handle


def _block(entries: Sequence[tuple[bytes, bytes]], restart_every: int = _RESTART_EVERY) -> bytes:
    """Entries, each key without what it shares with the one before, and the restart points."""
    block = bytearray()
    restarts: list[int] = []
    before = b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % restart_every == 0:
            restarts.append(len(block))
        else:
            pairs = zip(before, key, strict=False)
            shared = next(
                (i for i, (a, b) in enumerate(pairs) if a != b), min(len(before), len(key))
            )
        block += _varint(shared) + _varint(len(key) - shared) + _varint(len(value))
        block += key[shared:] + value
        before = key
    restarts = restarts or [0]
    return bytes(block) + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def _masked(checksum: int) -> int:
    rotated = (checksum >> 15) | (checksum << 17) & 0xFFFFFFFF
    return (rotated + _MASK_DELTA) & 0xFFFFFFFF


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
