"""Messages between orchestrator and worker; both sides import this module.

A message is

    4 bytes  b"CH5" and the protocol version, 1
    4 bytes  length of the header, little-endian
    header   UTF-8 JSON; its "tensors" lists {"name", "dtype", "shape", "nbytes"} in order
    tensors  raw bytes, C order, little-endian, in the header's order

Requests carry "op"; replies carry "ok" and either "result" or "error".
"""

import json
import struct

import numpy as np

MAGIC = b"CH5\x01"
WIRE_DTYPES = frozenset(
    ["|b1", "|i1", "|u1"] + ["<" + kind for kind in "i2 i4 i8 u2 u4 u8 f2 f4 f8 c8 c16".split()]
)
HEADER_LIMIT = 64 * 1024 * 1024


class ProtocolError(Exception):
    """The stream does not hold a message."""


def write(stream, header, tensors=()):
    """Send `header` (a dict) and `tensors` (pairs of name and numpy array of numbers or bools)."""
    arrays = [(name, _wire_form(name, value)) for name, value in tensors]
    described = [
        {"name": name, "dtype": a.dtype.str, "shape": list(a.shape), "nbytes": a.nbytes}
        for name, a in arrays
    ]
    encoded = json.dumps(dict(header, tensors=described)).encode("utf-8")
    stream.write(MAGIC + struct.pack("<I", len(encoded)) + encoded)
    for _, array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def read(stream):
    """The next message as (header, {name: array}), or None at the end of the stream.

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
    for name, dtype, shape, nbytes in specs:
        tensors[name] = np.frombuffer(_exactly(stream, nbytes), dtype=dtype).reshape(shape)
    return header, tensors


def _spec(name, dtype, shape, nbytes):
    """A tensor's description, checked; raises ValueError or TypeError."""
    if dtype not in WIRE_DTYPES:
        raise ValueError("dtype %r" % (dtype,))
    if not isinstance(shape, list) or not all(type(d) is int and d >= 0 for d in shape):
        raise ValueError("shape %r" % (shape,))
    size = np.dtype(dtype).itemsize
    for dimension in shape:
        size *= dimension
    if nbytes != size:
        raise ValueError("%r bytes for shape %r of %s" % (nbytes, shape, dtype))
    return name, dtype, shape, nbytes


def _exactly(stream, length):
    data = stream.read(length)
    if len(data) != length:
        raise ProtocolError("the stream ended inside a message")
    return data


def _wire_form(name, value):
    array = np.asarray(value)
    dtype = array.dtype.newbyteorder("<")
    if dtype.str not in WIRE_DTYPES:
        raise ProtocolError("tensor %s has dtype %s, which has no wire form" % (name, array.dtype))
    return np.asarray(array, order="C", dtype=dtype)
