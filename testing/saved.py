"""The signatures of a SavedModel, read from its file without TensorFlow."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet

from converter.wire.apis_pb2 import SignatureDefMap
from converter.wire.tensorflow_pb2 import SignatureDef

META_GRAPHS = 2  # of SavedModel
SIGNATURES = 5  # of MetaGraphDef, a map
KEY, VALUE = 1, 2  # of a map's entry


def signatures(folder: Path) -> SignatureDefMap:
    """What the first graph of the SavedModel in `folder` says of its signatures."""
    graph = _fields((folder / "saved_model.pb").read_bytes(), META_GRAPHS)[0]
    found = SignatureDefMap()
    for entry in _fields(graph, SIGNATURES):
        value = SignatureDef.FromString(_fields(entry, VALUE)[0])
        found.signature_def[_fields(entry, KEY)[0].decode()].CopyFrom(value)
    return found


def _fields(raw: bytes, number: int) -> list[bytes]:
    """The contents of every field of that number."""
    known = UnknownFieldSet(Empty.FromString(raw))
    held = [known[place] for place in range(len(known))]
    return [one.data for one in held if one.field_number == number]
