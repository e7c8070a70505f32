"""The signatures of the recorded models, read from their saved_model.pb without TensorFlow."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from converter.wire.tensorflow_pb2 import SignatureDef
from testing import golden

# Field numbers: SavedModel.meta_graphs, MetaGraphDef.signature_def, and those of a map's entry.
META_GRAPHS, SIGNATURE_DEF, KEY, VALUE = 2, 5, 1, 2
LENGTH_DELIMITED = 2
FIXED_SIZES = {1: 8, 5: 4}


@functools.cache
def signatures(model: str) -> dict[str, SignatureDef]:
    """The SignatureDefs of the highest version of a model, by name."""
    versions = (golden.MODELS / model).iterdir()
    folder = max(versions, key=lambda folder: int(folder.name))
    (graph,) = _held((folder / "saved_model.pb").read_bytes(), META_GRAPHS)
    entries = list(_held(graph, SIGNATURE_DEF))
    return {
        next(_held(entry, KEY)).decode(): SignatureDef.FromString(next(_held(entry, VALUE)))
        for entry in entries
    }


def _held(message: bytes, wanted: int) -> Iterator[bytes]:
    """The bytes that a message holds in field number `wanted`."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == LENGTH_DELIMITED:
            length, at = _varint(message, at)
            if number == wanted:
                yield message[at : at + length]
            at += length
        elif kind in FIXED_SIZES:
            at += FIXED_SIZES[kind]
        else:
            _, at = _varint(message, at)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
