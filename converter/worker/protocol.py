"""Messages between orchestrator and worker; both sides import this module.

A message is

    4 bytes  b"CH5" and the protocol version, 1
    4 bytes  length of the header, little-endian
    header   UTF-8 JSON; its "tensors" lists {"name", "dtype", "shape", "nbytes"} in order
    tensors  raw bytes, C order, little-endian, in the header's order; strings (dtype "|O") as
             their lengths, 4 bytes each, and then their bytes one after the other

A tensor with an "at" is not in the stream: it lies at that place of the arena, memory that both
sides share. Requests carry "op"; replies carry "ok" and either "result" or "error". A request with
an "id" may be answered out of order, by a reply with the same "id".
"""

import json
import struct

import numpy as np

MAGIC = b"CH5\x01"
STRINGS = "|O"
WIRE_DTYPES = frozenset(
    ["|b1", "|i1", "|u1"] + ["<" + kind for kind in "i2 i4 i8 u2 u4 u8 f2 f4 f8 c8 c16".split()]
)
HEADER_LIMIT = 64 * 1024 * 1024


class ProtocolError(Exception):
    """The stream does not hold a message."""


def write(stream, header, tensors=(), put=None):
    """Send `header` (a dict) and `tensors`: pairs of name and array of numbers, bools or bytes.

    put: lays bytes into the arena and gives their place, or None for those to be sent.
    """
    described = []
    payloads = []
    for name, value in tensors:
        array = np.asarray(value)
        dtype, payload = _wire_form(name, array)
        spec = {"name": name, "dtype": dtype, "shape": list(array.shape), "nbytes": len(payload)}
        place = put(payload) if put is not None and dtype != STRINGS else None
        if place is None:
            payloads.append(payload)
        else:
            spec["at"] = place
        described.append(spec)
    encoded = json.dumps(dict(header, tensors=described)).encode("utf-8")
    stream.write(MAGIC + struct.pack("<I", len(encoded)) + encoded)
    for payload in payloads:
        stream.write(payload)
    stream.flush()


def read(stream, arena=b""):
    """The next message as (header, {name: array}), or None at the end of the stream.

    arena: the memory in which tensors with a place lie; their arrays are views of it.

    Raises ProtocolError for anything that is not a whole message.
    """
    prefix = stream.read(8)
    if not prefix:
        return None
    if len(prefix) != 8 or prefix[:4] != MAGIC:
        raise ProtocolError("not a message: starts with %r" % prefix[:8])
    (length,) = struct.unpack("<I", prefix[4:])
    if length > HEADER_LIMIT:
        raise ProtocolError("a header of %d bytes" % length)
    encoded = _exactly(stream, length)
    try:
        header = json.loads(encoded.decode("utf-8"))
        specs = [_spec(**spec) for spec in header.pop("tensors")]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProtocolError("a header that describes no tensors: %s" % error)
    tensors = {}
    for name, dtype, shape, nbytes, at in specs:
        if at is not None:
            if at + nbytes > len(arena):
                raise ProtocolError("a tensor beyond the arena")
            tensors[name] = np.frombuffer(arena, dtype, nbytes // np.dtype(dtype).itemsize, at)
            tensors[name] = tensors[name].reshape(shape)
            continue
        data = _exactly(stream, nbytes)
        if dtype == STRINGS:
            tensors[name] = _strings(data, shape)
        else:
            tensors[name] = np.frombuffer(data, dtype=dtype).reshape(shape)
    return header, tensors


def _spec(name, dtype, shape, nbytes, at=None):
    """A tensor's description, checked; raises ValueError or TypeError."""
    if dtype != STRINGS and dtype not in WIRE_DTYPES:
        raise ValueError("dtype %r" % (dtype,))
    if not isinstance(shape, list) or not all(type(d) is int and d >= 0 for d in shape):
        raise ValueError("shape %r" % (shape,))
    size = 4 if dtype == STRINGS else np.dtype(dtype).itemsize
    for dimension in shape:
        size *= dimension
    if type(nbytes) is not int or nbytes < size or (nbytes > size and dtype != STRINGS):
        raise ValueError("%r bytes for shape %r of %s" % (nbytes, shape, dtype))
    if at is not None and (type(at) is not int or at < 0 or dtype == STRINGS):
        raise ValueError("place %r" % (at,))
    return name, dtype, shape, nbytes, at


def _exactly(stream, length):
    data = stream.read(length)
    if len(data) != length:
        raise ProtocolError("the stream ended inside a message")
    return data


def _wire_form(name, array):
    """(dtype of the wire, bytes) of an array; numbers are not copied where they need no change."""
    if array.dtype == object and all(isinstance(item, bytes) for item in array.flat):
        strings = array.ravel().tolist()
        lengths = np.array([len(item) for item in strings], "<u4")
        return STRINGS, b"".join([lengths.tobytes()] + strings)
    dtype = array.dtype.newbyteorder("<")
    if dtype.str not in WIRE_DTYPES:
        raise ProtocolError("tensor %s has dtype %s, which has no wire form" % (name, array.dtype))
    return dtype.str, np.asarray(array, order="C", dtype=dtype).reshape(-1).view("u1").data


def _strings(data, shape):
    """The object array of bytes that _wire_form packed; raises ProtocolError."""
    count = 1
    for dimension in shape:
        count *= dimension
    ends = np.cumsum(np.frombuffer(data, "<u4", count), dtype=np.int64) + 4 * count
    if len(data) != (ends[-1] if count else 0):
        raise ProtocolError("strings of other lengths than told")
    starts = [4 * count] + ends[:-1].tolist()
    strings = np.empty(count, object)
    strings[:] = [data[start:end] for start, end in zip(starts, ends.tolist())]
    return strings.reshape(shape)
