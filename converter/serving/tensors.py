"""Tensors on the wire and as numpy arrays.

`KINDS` is the table of what each DataType is called, held in and sent as. Reading follows
TensorFlow's Tensor::FromProto (core/framework/tensor.cc), writing what TensorFlow Serving answers.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converter.serving.status import Code, StatusError
from converter.wire.tensorflow_pb2 import (
    DT_BFLOAT16,
    DT_RESOURCE,
    DataType,
    TensorProto,
    TensorShapeProto,
)

Content = bytes | memoryview

# TensorFlow's own limits.
MAX_RANK = 254
MAX_ELEMENTS = 2**63 - 1
USUAL_SHAPE = 64  # bytes of a shape that is remembered: what others send must not pile up
# A message may give one value for a tensor of any size. This many bytes is where we stop, for the
# memory is wanted before anything is known of the sender; TensorFlow stops where malloc does.
MAX_REPEATED = 1 << 28


@dataclass(frozen=True)
class Kind:
    """How the tensors of one DataType look.

    `numpy` is the dtype of the array, `field` the field of TensorProto that holds single values,
    `stored` what that field holds, `bits` the dtype of the same width whose values are stored: a
    half is stored as the number that its 16 bits make, a complex number as two floats.
    """

    name: str
    numpy: np.dtype[Any]
    field: str
    stored: np.dtype[Any]
    bits: np.dtype[Any]

    @functools.cached_property
    def is_as_stored(self) -> bool:
        """Whether the field's values are the array's, one for one: numbers, not their bits."""
        return self.numpy == self.stored and not self.numpy.hasobject and self.field != "float8_val"


def _kind(name: str, numpy: str, field: str, stored: str, bits: str = "") -> Kind:
    return Kind(name, np.dtype(numpy), field, np.dtype(stored), np.dtype(bits or numpy))


# The names are those that TensorFlow prints (core/framework/types.cc).
KINDS: dict[int, Kind] = {
    DataType.DT_FLOAT: _kind("float", "<f4", "float_val", "<f4"),
    DataType.DT_DOUBLE: _kind("double", "<f8", "double_val", "<f8"),
    DataType.DT_INT32: _kind("int32", "<i4", "int_val", "<i4"),
    DataType.DT_UINT8: _kind("uint8", "u1", "int_val", "<i4"),
    DataType.DT_INT16: _kind("int16", "<i2", "int_val", "<i4"),
    DataType.DT_INT8: _kind("int8", "i1", "int_val", "<i4"),
    DataType.DT_STRING: _kind("string", "O", "string_val", "O"),
    DataType.DT_COMPLEX64: _kind("complex64", "<c8", "scomplex_val", "<f4", "<f4"),
    DataType.DT_INT64: _kind("int64", "<i8", "int64_val", "<i8"),
    DataType.DT_BOOL: _kind("bool", "?", "bool_val", "?"),
    DataType.DT_QINT8: _kind("qint8", "i1", "int_val", "<i4"),
    DataType.DT_QUINT8: _kind("quint8", "u1", "int_val", "<i4"),
    DataType.DT_QINT32: _kind("qint32", "<i4", "int_val", "<i4"),
    DataType.DT_BFLOAT16: _kind("bfloat16", "<u2", "half_val", "<i4"),
    DataType.DT_QINT16: _kind("qint16", "<i2", "int_val", "<i4"),
    DataType.DT_QUINT16: _kind("quint16", "<u2", "int_val", "<i4"),
    DataType.DT_UINT16: _kind("uint16", "<u2", "int_val", "<i4"),
    DataType.DT_COMPLEX128: _kind("complex128", "<c16", "dcomplex_val", "<f8", "<f8"),
    DataType.DT_HALF: _kind("half", "<f2", "half_val", "<i4", "<u2"),
    DataType.DT_RESOURCE: _kind("resource", "O", "resource_handle_val", "O"),
    DataType.DT_VARIANT: _kind("variant", "O", "variant_val", "O"),
    DataType.DT_UINT32: _kind("uint32", "<u4", "uint32_val", "<u4"),
    DataType.DT_UINT64: _kind("uint64", "<u8", "uint64_val", "<u8"),
    DataType.DT_FLOAT8_E5M2: _kind("float8_e5m2", "u1", "float8_val", "u1"),
    DataType.DT_FLOAT8_E4M3FN: _kind("float8_e4m3fn", "u1", "float8_val", "u1"),
    DataType.DT_INT4: _kind("int4", "i1", "int_val", "<i4"),
    DataType.DT_UINT4: _kind("uint4", "u1", "int_val", "<i4"),
}
# What has no values outside the process that made it.
OPAQUE = (DataType.DT_RESOURCE, DataType.DT_VARIANT)
REF = 100  # DT_X_REF is DT_X plus this

# Fields whose packed form is the array's own bytes.
_RAW_FIELDS = ("float_val", "double_val", "scomplex_val", "dcomplex_val", "bool_val")
_LENGTH_DELIMITED = 2
_RAW_TAGS = {
    field: bytes([TensorProto.DESCRIPTOR.fields_by_name[field].number << 3 | _LENGTH_DELIMITED])
    for field in _RAW_FIELDS
}

# The first DataType of the table with a dtype is the one an array of that dtype means.
_DTYPE_OF = {kind.numpy: dtype for dtype, kind in reversed(KINDS.items()) if dtype not in OPAQUE}

# What the graph's executor says of a resource that is fed, whatever it holds.
_RESOURCE_FED = (
    "Invalid resource type hash code: {hash}(name: {name} type: {type}). Perhaps a resource tensor "
    "was being provided as a feed? That is not currently allowed. Please file an issue at "
    "https://github.com/tensorflow/tensorflow/issues/new, ideally with a short code snippet that "
    "leads to this error message."
)


@dataclass(frozen=True, eq=False)
class Tensor:
    """An array and the DataType number that it has on the wire.

    Numbers and bools are held as such, little-endian; strings as an object array of bytes;
    bfloat16, float8 and quantized kinds as their raw bits (uint16, uint8, int8, …).
    """

    dtype: int
    array: NDArray[Any]

    def values(self) -> NDArray[Any]:
        """The array as numbers: bfloat16 becomes float32, exactly; the rest is as held."""
        if self.dtype == DT_BFLOAT16:
            # A bfloat16 is the upper half of a float32.
            wide: NDArray[Any] = (self.array.astype("<u4") << 16).view("<f4")
            return wide
        return self.array


def name_of(dtype: int) -> str:
    """The name TensorFlow prints for a DataType number, as in "half" or "float_ref"."""
    if dtype == DataType.DT_INVALID:
        return "INVALID"
    if dtype in KINDS:
        return KINDS[dtype].name
    if dtype - REF in KINDS:
        return f"{KINDS[dtype - REF].name}_ref"
    return f"unknown dtype enum ({dtype})"


def of_array(array: Any) -> Tensor:
    """The tensor for a numpy array, of the DataType that has its dtype.

    Texts become UTF-8. Raises TypeError for a dtype that no DataType has (dates, long doubles,
    objects that are neither bytes nor str).
    """
    array = np.asarray(array)
    if array.dtype.kind in "SUO":
        return Tensor(DataType.DT_STRING, _bytes_array(array))
    dtype = _DTYPE_OF.get(array.dtype.newbyteorder("<"))
    if dtype is None:
        raise TypeError(f"no tensor can hold numpy's {array.dtype}")
    return Tensor(dtype, array.astype(KINDS[dtype].numpy, copy=False))


def _bytes_array(array: NDArray[Any]) -> NDArray[Any]:
    held = np.empty(array.size, object)
    for place, item in enumerate(array.ravel().tolist()):
        if not isinstance(item, bytes | str):
            raise TypeError(f"no tensor can hold a {type(item).__name__} beside texts")
        held[place] = item.encode() if isinstance(item, str) else item
    return held.reshape(array.shape)


class _MalformedError(Exception):
    """Tensor::FromProto would return false."""


def from_proto(proto: TensorProto, name: str, content: Content | None = None) -> Tensor:
    """Read a tensor; `name` is what it is called in the request.

    content: the `tensor_content`, where it was left out of the message (see large.py).

    `tensor_content` wins over the typed fields. Of these the last value is repeated where there are
    too few, surplus ones are ignored, and with none at all the tensor is zeros or empty strings.
    Raises StatusError (INVALID_ARGUMENT) where the message is no tensor.
    """
    try:
        kind = KINDS.get(proto.dtype)
        if kind is None:
            raise _MalformedError
        raw = proto.tensor_shape.SerializeToString()
        shape = _usual_shape(raw) if len(raw) <= USUAL_SHAPE else _shape(proto.tensor_shape)
        count: int = math.prod(shape)
        if proto.dtype == DT_RESOURCE and count:
            raise StatusError(Code.INVALID_ARGUMENT, _resource_fed(proto))
        flat = _flat(proto, content or proto.tensor_content, kind, count)
        return Tensor(proto.dtype, flat if len(shape) == 1 else flat.reshape(shape))
    except (_MalformedError, ValueError) as error:
        # ValueError: numpy has fewer dimensions than TensorFlow, and a smaller largest shape.
        raise StatusError(Code.INVALID_ARGUMENT, f"tensor parsing error: {name}") from error


def _resource_fed(proto: TensorProto) -> str:
    handle = next(iter(proto.resource_handle_val), None)
    return _RESOURCE_FED.format(
        hash=handle.hash_code if handle else 0,
        name=handle.name if handle else "",
        type=handle.maybe_type_name if handle else "",
    )


@functools.lru_cache(maxsize=256)
def _usual_shape(serialised: bytes) -> tuple[int, ...]:
    """The shape in a short message; the same few come again and again."""
    return _shape(TensorShapeProto.FromString(serialised))


def _shape(proto: TensorShapeProto) -> tuple[int, ...]:
    """The shape; an unknown rank is none, as of a scalar."""
    if len(proto.dim) > MAX_RANK:
        raise _MalformedError
    elements = 1
    for dim in proto.dim:
        elements *= dim.size
        if dim.size < 0 or elements > MAX_ELEMENTS:
            raise _MalformedError
    return tuple(dim.size for dim in proto.dim)


def _flat(proto: TensorProto, content: Content, kind: Kind, count: int) -> NDArray[Any]:
    """The `count` values in a row."""
    if count == 0:
        return np.empty(0, kind.numpy)
    if proto.dtype in OPAQUE:
        return _repeated(np.empty(0, object), count)
    if content:
        if kind.numpy.hasobject:
            return _strings(bytes(content), count)
        return _numbers(content, kind, count)
    field = getattr(proto, kind.field)
    if kind.is_as_stored and len(field) == count:
        return np.array(field, kind.numpy)
    if isinstance(field, bytes):
        return _repeated(np.frombuffer(field, kind.numpy), count)
    if kind.numpy.hasobject:
        given = np.empty(len(field), object)
        given[:] = list(field)
        return _repeated(given, count)
    stored = np.array(field, kind.stored)
    parts = kind.numpy.itemsize // kind.bits.itemsize  # a complex number has two
    whole = stored[: len(stored) // parts * parts].astype(kind.bits, copy=False)
    return _repeated(whole.view(kind.numpy), count)


def _repeated(given: NDArray[Any], count: int) -> NDArray[Any]:
    """The first `count` of the values, or all of them and the last one again and again."""
    if len(given) >= count:
        return given[:count]
    if count * given.itemsize > MAX_REPEATED:
        raise _MalformedError
    if not len(given) and not given.dtype.hasobject:
        return np.zeros(count, given.dtype)
    full = np.empty(count, given.dtype)
    full[: len(given)] = given
    full[len(given) :] = given[-1] if len(given) else b""
    return full


def _numbers(content: Content, kind: Kind, count: int) -> NDArray[Any]:
    if len(content) != count * kind.numpy.itemsize:
        raise _MalformedError
    if kind.numpy.kind == "b" and np.frombuffer(content, np.uint8).max() > 1:
        raise _MalformedError
    return np.frombuffer(content, kind.numpy)


def _strings(content: bytes, count: int) -> NDArray[Any]:
    """Strings as TensorFlow packs them: all lengths as varints, then all the bytes."""
    if count > len(content):
        raise _MalformedError
    lengths = []
    at = 0
    for _ in range(count):
        length, at = _varint(content, at)
        lengths.append(length)
    if at + sum(lengths) != len(content):
        raise _MalformedError
    held = np.empty(count, object)
    for place, length in enumerate(lengths):
        held[place] = content[at : at + length]
        at += length
    return held


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """The 32-bit varint at `at`, and where it ends."""
    value = 0
    for place, byte in enumerate(content[at : at + 5]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & 0xFFFFFFFF, at + place + 1
    raise _MalformedError


def to_proto(tensor: Tensor, proto: TensorProto, *, content: bool) -> None:
    """Write `tensor` into the empty message `proto`.

    As `tensor_content` if `content`, else into the typed fields, as TensorFlow Serving answers.
    Strings always go into `string_val`, as every client sends them.
    """
    kind = KINDS[tensor.dtype]
    array = tensor.array
    proto.dtype = tensor.dtype  # type: ignore[assignment]  # the stub takes the enum's own type only
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if kind.numpy.hasobject:
        getattr(proto, kind.field).extend(array.ravel().tolist())
    elif content:
        proto.tensor_content = array.astype(kind.numpy, copy=False).tobytes()
    elif kind.field in _RAW_TAGS:
        raw = array.astype(kind.numpy, copy=False).tobytes()
        # The packed form is a tag, a length and these very bytes; parsing it is one copy.
        proto.MergeFromString(_RAW_TAGS[kind.field] + _length(len(raw)) + raw)
    elif kind.field == "float8_val":
        proto.float8_val = array.tobytes()
    else:
        bits = np.ascontiguousarray(array, kind.numpy).ravel().view(kind.bits)
        getattr(proto, kind.field).extend(bits.tolist())


def as_entry(tensor: Tensor, key: str, field: int) -> list[bytes | memoryview]:
    """An entry of a map<string, TensorProto> as the pieces of its bytes, its numbers not copied.

    field: the map's number in its message, below 16. Put behind the bytes of the message they mean
    the same as `to_proto(tensor, message.map[key], content=True)`; the copies that makes of a large
    tensor cost more than to send it.
    """
    if tensor.array.dtype.hasobject:
        head = TensorProto()
        to_proto(tensor, head, content=True)
        return [_entry_head(head.SerializeToString(), key, field, 0)]
    kind = KINDS[tensor.dtype]
    raw = np.ascontiguousarray(tensor.array, kind.numpy).reshape(-1).view(np.uint8).data
    return [_numbers_head(tensor.dtype, tensor.array.shape, key, field, len(raw)), raw]


@functools.lru_cache(maxsize=256)
def _numbers_head(dtype: int, shape: tuple[int, ...], key: str, field: int, content: int) -> bytes:
    """What comes before the numbers; the same for every tensor of a kind, so it is remembered."""
    head = TensorProto()
    head.dtype = dtype  # type: ignore[assignment]  # as in to_proto
    head.tensor_shape.SetInParent()
    for size in shape:
        head.tensor_shape.dim.add(size=size)
    return _entry_head(head.SerializeToString(), key, field, content)


def _entry_head(value: bytes, key: str, field: int, content: int) -> bytes:
    """An entry's bytes up to the `content` bytes that end its tensor, `value` being the rest."""
    if content:
        value += _CONTENT_TAG + _length(content)
    name = key.encode()
    named = _KEY_TAG + _length(len(name)) + name
    entry = named + _VALUE_TAG + _length(len(value) + content) + value
    return _tag(field) + _length(len(entry) + content) + entry


def _tag(field: int) -> bytes:
    """The byte before a field of bytes, for field numbers below 16."""
    return bytes([field << 3 | _LENGTH_DELIMITED])


_CONTENT_TAG = _tag(TensorProto.DESCRIPTOR.fields_by_name["tensor_content"].number)
_KEY_TAG, _VALUE_TAG = _tag(1), _tag(2)  # of every map


def _length(number: int) -> bytes:
    """`number` as a varint."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
