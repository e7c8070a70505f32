"""What REST answers: predictions, results, states, metadata and errors as JSON.

The values are those of TensorFlow Serving (util/json_tensor.cc, http_rest_api_handler.cc), down to
the digits of floats; white space is not. Arrays of numbers are written by orjson.
"""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from google.protobuf import json_format
from google.protobuf.message import Message
from numpy.typing import NDArray

from converter.serving.server.json_decimals import as_written
from converter.serving.server.json_tensors import RULES, refused
from converter.serving.server.json_text import as_bytes, string
from converter.serving.tensors import Tensor, name_of
from converter.wire.apis_pb2 import (
    ClassificationResult,
    GetModelStatusResponse,
    RegressionResult,
)
from converter.wire.tensorflow_pb2 import DataType, SignatureDef

# Texts under an alias with this ending are bytes, and written in base64.
_BYTES_ENDING = "_bytes"
_WITH_EXPONENT = 1e6  # %g has six digits


def predict_reply(row: bool, outputs: Mapping[str, Tensor]) -> bytes:
    """The outputs by alias, as rows or as columns; a single one without its name.

    Raises StatusError (INVALID_ARGUMENT) for DataTypes that JSON is not written for, and for
    outputs that are no rows of one batch where rows are asked for.
    """
    if not outputs:
        raise refused("Cannot convert empty tensor map to JSON")
    if row:
        _check_batch(outputs)
    for tensor in outputs.values():
        # Known by the first value; with none there is nothing wrong.
        if tensor.dtype not in RULES and tensor.array.size:
            raise refused(f"Failed to write JSON value for tensor type: {name_of(tensor.dtype)}")
    if row:
        return b'{"predictions": %b}' % _predictions(outputs)
    texts = {alias: _text(alias, tensor) for alias, tensor in outputs.items()}
    return b'{"outputs": %b}' % (_members(texts.items()) if len(texts) > 1 else _only(texts))


def _check_batch(outputs: Mapping[str, Tensor]) -> None:
    batch = None
    for alias, tensor in outputs.items():
        if tensor.array.ndim == 0:
            raise refused(f"Tensor name: {alias} has no shape information ")
        size = len(tensor.array)
        if batch is not None and size != batch:
            raise refused(
                f"Tensor name: {alias} has inconsistent batch size: {size} expecting: {batch}"
            )
        batch = size


def _predictions(outputs: Mapping[str, Tensor]) -> bytes:
    if len(outputs) == 1:
        return _only({alias: _text(alias, tensor) for alias, tensor in outputs.items()})
    columns = [_row_texts(alias, tensor) for alias, tensor in outputs.items()]
    rows = (_members(zip(outputs, texts, strict=True)) for texts in zip(*columns, strict=True))
    return b"[%b]" % b",\n".join(rows)


def _only(texts: Mapping[str, bytes]) -> bytes:
    (text,) = texts.values()
    return text


def _members(texts: Iterable[tuple[str, bytes]]) -> bytes:
    """A JSON object of named texts."""
    return b"{%b}" % b", ".join(b"%b: %b" % (string(as_bytes(k)), text) for k, text in texts)


def _text(alias: str, tensor: Tensor) -> bytes:
    """A whole tensor."""
    if tensor.dtype == DataType.DT_STRING:
        (text,) = _lists(_strings(alias, tensor.array), tensor.array.shape)
        return text
    return _numbers(tensor)


def _row_texts(alias: str, tensor: Tensor) -> list[bytes]:
    """Each row of a tensor."""
    array = tensor.array
    if tensor.dtype == DataType.DT_STRING:
        return _lists(_strings(alias, array), array.shape[1:], len(array))
    if not array.size:
        return [_numbers(Tensor(tensor.dtype, array[0]))] * len(array) if len(array) else []
    opening, closing = b"[" * (array.ndim - 1), b"]" * (array.ndim - 1)
    text = _numbers(tensor)[1:-1].removeprefix(opening).removesuffix(closing)
    # So many brackets stand together only between rows.
    return [opening + row + closing for row in text.split(closing + b"," + opening)]


def _numbers(tensor: Tensor) -> bytes:
    """A tensor of numbers or bools."""
    array = tensor.array
    if not array.size:
        array = np.zeros(array.shape, np.bool_)
    if array.dtype.kind != "f":
        return _dumped(array)
    finite = np.isfinite(array)
    if finite.all():
        return _dumped(as_written(array) if array.dtype == np.float32 else array)
    filled = np.where(finite, array, array.dtype.type(0))
    written = as_written(filled) if array.dtype == np.float32 else filled
    # orjson writes null for what is not finite; nothing else here has that text.
    pieces = _dumped(np.where(finite, written, np.nan)).split(b"null")
    words = [_word(value) for value in array[~finite].tolist()]
    between = itertools.chain.from_iterable(zip(pieces, words, strict=False))
    return b"".join([*between, pieces[-1]])


def _dumped(array: NDArray[Any]) -> bytes:
    """What orjson writes for an array; it takes none without a dimension."""
    whole = np.ascontiguousarray(array)  # which has a dimension at least
    text = orjson.dumps(whole, option=orjson.OPT_SERIALIZE_NUMPY)
    return text if array.ndim else text[1:-1]


def _word(value: float) -> bytes:
    """NaN and the infinities, as no JSON has them but every reader of TensorFlow Serving's does."""
    if math.isnan(value):
        return b"NaN"
    return b"Infinity" if value > 0 else b"-Infinity"


def _strings(alias: str, array: NDArray[Any]) -> list[bytes]:
    """The texts of a string tensor, as text or, by its alias, in base64."""
    if alias.endswith(_BYTES_ENDING):
        return [b'{"b64": "%b"}' % base64.b64encode(text) for text in array.ravel()]
    return [string(text) for text in array.ravel()]


def _lists(texts: list[bytes], shape: Sequence[int], count: int = 1) -> list[bytes]:
    """`count` nested lists of that shape, of the texts in a row."""
    for place in reversed(range(len(shape))):
        size = shape[place]
        groups = count * math.prod(shape[:place])
        texts = [b"[%b]" % b", ".join(texts[at * size : (at + 1) * size]) for at in range(groups)]
    return texts


def classify_reply(result: ClassificationResult) -> bytes:
    """Pairs of label and score for every example. Raises StatusError when there are none."""
    if not result.classifications:
        raise refused("Cannot convert empty ClassificationResults to JSON")
    classes = [list(one.classes) for one in result.classifications]
    scores = iter(_floats([each.score for one in classes for each in one]))
    rows = [
        b", ".join(b"[%b, %b]" % (string(as_bytes(each.label)), next(scores)) for each in one)
        for one in classes
    ]
    return b'{"results": [%b]}' % b",\n".join(b"[%b]" % row for row in rows)


def regress_reply(result: RegressionResult) -> bytes:
    """A number for every example. Raises StatusError when there are none."""
    if not result.regressions:
        raise refused("Cannot convert empty RegressionResults to JSON")
    return b'{"results": [%b]}' % b", ".join(_floats([one.value for one in result.regressions]))


def _floats(values: list[float]) -> list[bytes]:
    return _row_texts("", Tensor(DataType.DT_FLOAT, np.array(values, np.float32)))


def error_body(message: str) -> bytes:
    """What a request that failed gets."""
    return b'{\n    "error": %b\n}' % string(as_bytes(message))


def status_reply(status: GetModelStatusResponse) -> bytes:
    """The states of a model's versions."""
    return _pretty(_printed(status))


def metadata_reply(name: str, version: int, signatures: Mapping[str, SignatureDef]) -> bytes:
    """The signatures of one version of a model."""
    return _pretty(
        {
            "model_spec": {"name": name, "signature_name": "", "version": str(version)},
            "metadata": {
                "signature_def": {
                    "signature_def": {key: _printed(each) for key, each in signatures.items()}
                }
            },
        }
    )


def _printed(message: Message) -> Any:
    """A message as protobuf prints it in JSON, fields that are not set among the others."""
    return _without_points(
        json_format.MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    )


def _without_points(value: Any) -> Any:
    """As C++ has it, whole floats look like integers while they need no exponent."""
    if isinstance(value, dict):
        return {key: _without_points(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_points(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _WITH_EXPONENT:
        return int(value)
    return value


def _pretty(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
