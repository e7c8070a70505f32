"""What a REST body asks: tensors for predict, examples for classify and regress.

The order of the checks and the messages are TensorFlow Serving's (util/json_tensor.cc), as recorded
of 2.15.1. Where it goes through a map in the map's own order, we go by name.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from converter.serving.server import json_quick
from converter.serving.server.json_parse import Object, Value, parse
from converter.serving.server.json_tensors import (
    from_b64,
    is_b64,
    leaves,
    refused,
    regular,
    shape_of,
    tensor,
    type_name,
)
from converter.serving.server.json_text import as_bytes, as_text, debug_text
from converter.serving.status import StatusError
from converter.serving.tensors import Tensor
from converter.wire.tensorflow_pb2 import Example, Feature, TensorInfo

SERVING_DEFAULT = "serving_default"

_LARGEST_INT64 = 2**63 - 1


@dataclass(frozen=True)
class PredictCall:
    """A predict request. row: asked with `instances`, so answered with `predictions`."""

    signature_name: str
    row: bool
    inputs: dict[str, Tensor]


@dataclass(frozen=True)
class ExamplesCall:
    """A classify or regress request; `context` holds features that all examples share."""

    signature_name: str
    examples: list[Example]
    context: Example | None


def predict(body: bytes, inputs_of: Callable[[str], Mapping[str, TensorInfo]]) -> PredictCall:
    """Read a predict body.

    inputs_of: gives the inputs of a signature by alias, or raises StatusError; called once, when
    the body is known to be JSON. Raises StatusError.
    """

    @functools.cache
    def dtypes_of(signature_name: str) -> dict[str, int]:
        return {alias: int(info.dtype) for alias, info in inputs_of(signature_name).items()}

    quick = json_quick.read(body)
    if quick:
        signature_name = quick.signature_name or SERVING_DEFAULT
        tensors = quick.tensors(dtypes_of(signature_name))
        if tensors:
            return PredictCall(signature_name, quick.row, tensors)
    document = _document(body)
    given = _signature_name(document)
    signature_name = given or SERVING_DEFAULT
    dtypes = dtypes_of(signature_name)
    if not dtypes:
        raise refused(f"Failed to get input map for signature: {given or 'DEFAULT'}")
    row = b"instances" in document
    if row and b"inputs" in document:
        raise _misformatted(
            document,
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        )
    if row:
        inputs = _rows(document, document[b"instances"], dtypes)
    elif b"inputs" in document:
        inputs = _columns(document[b"inputs"], dtypes)
    else:
        raise refused("Missing 'inputs' or 'instances' key")
    return PredictCall(signature_name, row, inputs)


def _document(body: bytes) -> Object:
    document = parse(body)
    if not isinstance(document, Object):
        raise _misformatted(document, "Is not object")
    return document


def _signature_name(document: Object) -> str:
    """The signature that the body names, or nothing."""
    if b"signature_name" not in document:
        return ""
    name = document[b"signature_name"]
    if not isinstance(name, bytes):
        raise _misformatted(
            document, "not formatted correctly. 'signature_name' key must be a string value."
        )
    return name.decode("utf-8", "replace")


def _misformatted(value: Value, message: str) -> StatusError:
    return refused(f"JSON Value: {debug_text(value)} {message}")


def _name(name: bytes) -> str:
    """A member's name; the real server takes it for a C string."""
    return as_text(name.partition(b"\0")[0])


def _whole(tensors: Mapping[str, Tensor | None]) -> dict[str, Tensor]:
    """The tensors, now that all values are known to be of their types."""
    whole = {}
    for alias, tensor_ in tensors.items():
        if tensor_ is None:
            raise refused(f"tensor parsing error: {alias}")
        whole[alias] = tensor_
    return whole


def _columns(inputs: Value, dtypes: Mapping[str, int]) -> dict[str, Tensor]:
    """The tensors of `inputs`: by name, or the only one."""
    named = isinstance(inputs, Object) and not is_b64(inputs)
    if not named and len(dtypes) > 1:
        raise refused(
            "inputs is a plain value/list, but expecting an object as multiple input tensors"
            " required as per tensorinfo_map"
        )
    tensors = {}
    for alias in sorted(dtypes):
        value = inputs
        if isinstance(inputs, Object) and named:
            if as_bytes(alias) not in inputs:
                raise refused(f"Missing named input: {alias} in 'inputs' object.")
            value = inputs[as_bytes(alias)]
        shape = shape_of(value)
        tensors[alias] = tensor(leaves(value, shape, dtypes[alias]), shape, dtypes[alias])
    return _whole(tensors)


def _rows(document: Object, rows: Value, dtypes: Mapping[str, int]) -> dict[str, Tensor]:
    """The tensors of `instances`: one row after the other."""
    if not isinstance(rows, list):
        raise _misformatted(document, "Expecting 'instances' to be an list/array")
    if not rows:
        raise _misformatted(document, "No values in 'instances' array")
    if not isinstance(rows[0], Object) and len(dtypes) > 1:
        raise refused(
            "instances is a plain list, but expecting list of objects as multiple input tensors"
            " required as per tensorinfo_map"
        )
    if _is_named_row(rows[0]):
        return _regular_named_rows(rows, dtypes) or _named_rows(rows, dtypes)
    alias = min(dtypes)
    quick = regular(rows, dtypes[alias])
    return {alias: quick} if quick else _plain_rows(rows, alias, dtypes[alias])


def _is_named_row(row: Value) -> bool:
    return isinstance(row, Object) and not is_b64(row)


class _Column:
    """One input's values, added row by row; all rows must have the shape of the first."""

    def __init__(self, dtype: int) -> None:
        self._dtype = dtype
        self._values: list[Any] = []
        self._shape: list[int] | None = None

    def add(self, value: Value) -> None:
        """Add a row's values. Raises StatusError."""
        shape = shape_of(value)
        values = leaves(value, shape, self._dtype)
        wanted = self._shape if self._shape is not None else shape
        if len(values) != math.prod(wanted):
            raise refused(f"Expecting tensor size: {math.prod(wanted)} but got: {len(values)}")
        if shape != wanted:
            raise refused(f"Expecting shape {_shape_text(wanted)} but got: {_shape_text(shape)}")
        self._shape = wanted
        self._values += values

    def tensor(self, rows: int) -> Tensor | None:
        """The tensor; values of surplus rows (of a name given twice) are left out at its end."""
        shape = [rows, *(self._shape or [])]
        return tensor(self._values[: math.prod(shape)], shape, self._dtype)


def _shape_text(shape: list[int]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _plain_rows(rows: list[Value], alias: str, dtype: int) -> dict[str, Tensor]:
    column = _Column(dtype)
    for place, row in enumerate(rows):
        if _is_named_row(row):
            raise refused(f"Expecting value/list but got object at item {place} of input list")
        try:
            column.add(row)
        except StatusError as error:
            raise refused(
                f"Failed to process element: {place} of 'instances' list. Error: {error}"
            ) from error
    return _whole({alias: column.tensor(len(rows))})


def _named_rows(rows: list[Value], dtypes: Mapping[str, int]) -> dict[str, Tensor]:
    columns = {alias: _Column(dtype) for alias, dtype in dtypes.items()}
    for place, row in enumerate(rows):
        if not isinstance(row, Object) or is_b64(row):
            raise refused(f"Expecting object but got list at item {place} of input list")
        names = set()
        for key, value in row.members:
            name = _name(key)
            names.add(name)
            try:
                if name not in columns:
                    raise refused(f"JSON object: does not have named input: {name}")
                columns[name].add(value)
            except StatusError as error:
                raise refused(
                    f"Failed to process element: {place} key: {name} of 'instances' list."
                    f" Error: {error}"
                ) from error
        if names != columns.keys():
            raise refused(
                f"Failed to process element: {place} of 'instances' list. JSON object:"
                f" {debug_text(row)} keys must be equal to: {','.join(sorted(columns))}"
            )
    return _whole({alias: column.tensor(len(rows)) for alias, column in columns.items()})


def _regular_named_rows(rows: list[Value], dtypes: Mapping[str, int]) -> dict[str, Tensor] | None:
    """As `_named_rows`, all rows at once; None where anything is not as it should be."""
    columns: dict[bytes, list[Value]] = {as_bytes(alias): [] for alias in dtypes}
    for row in rows:
        if not isinstance(row, Object) or is_b64(row) or len(row.members) != len(columns):
            return None
        if {name for name, _ in row.members} != columns.keys():
            return None
        for name, value in row.members:
            columns[name].append(value)
    tensors = {}
    for alias, dtype in dtypes.items():
        found = regular(columns[as_bytes(alias)], dtype)
        if found is None:
            return None
        tensors[alias] = found
    return tensors


def classify_or_regress(body: bytes) -> ExamplesCall:
    """Read a classify or regress body. Raises StatusError."""
    document = _document(body)
    signature_name = _signature_name(document) or SERVING_DEFAULT
    context = _example(document[b"context"]) if b"context" in document else None
    if b"examples" not in document:
        # The real server says "classify" whatever was asked.
        raise _misformatted(
            document, "When method is classify, key 'examples' is expected and was not found"
        )
    examples = document[b"examples"]
    if not isinstance(examples, list):
        raise _misformatted(document, "Expecting 'examples' value to be an list/array")
    if not examples:
        raise _misformatted(document, "'examples' value is an empty array")
    return ExamplesCall(signature_name, [_example(value) for value in examples], context)


def _example(value: Value) -> Example:
    if not isinstance(value, Object):
        raise refused(f"Example must be JSON object but got JSON {type_name(value)}")
    example = Example()
    for key, content in value.members:
        name = _name(key)
        feature = _feature(name, content if isinstance(content, list) else [content])
        # Protobuf takes no names that are no UTF-8; no model has a feature of such a name.
        valid = as_bytes(name).decode("utf-8", "replace")
        example.features.feature[valid].CopyFrom(feature)
    return example


# By the type of a value: the kind of list it goes into, and what it becomes there.
_KINDS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    bool: ("int64", int),
    int: ("int64", int),
    float: ("float", float),
    bytes: ("bytes", bytes),
    Object: ("bytes", from_b64),
}


def _feature(name: str, items: list[Value]) -> Feature:
    kind = ""
    values: list[Any] = []
    for item in items:
        if type(item) not in _KINDS or (isinstance(item, Object) and not is_b64(item)):
            raise refused(
                f"Feature: {name} has element with unexpected JSON type: {type_name(item)}"
            )
        own, converted = _KINDS[type(item)]
        if own != (kind or own):
            raise refused(f"Unexpected element type in feature: {name} expecting type: {kind}")
        if isinstance(item, int) and item > _LARGEST_INT64:
            raise refused(f"Feature: {name} has uint64 element. Only int64 is supported.")
        kind = own
        values.append(converted(item))
    feature = Feature()
    if kind:
        # A double beyond float32 becomes an infinity there.
        getattr(feature, f"{kind}_list").value.extend(values)
    return feature
