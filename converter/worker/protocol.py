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
    header = json.loads(_exactly(stream, length).decode("utf-8"))
    tensors = {}
    for spec in header.pop("tensors"):
        raw = _exactly(stream, spec["nbytes"])
        array = np.frombuffer(raw, dtype=np.dtype(spec["dtype"]))
        tensors[spec["name"]] = array.reshape(spec["shape"])
    return header, tensors


def _exactly(stream, length):
    data = stream.read(length)
    if len(data) != length:
        raise ProtocolError("the stream ended inside a message")
    return data


def _wire_form(name, value):
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise ProtocolError("tensor %s has dtype %s, which has no wire form" % (name, array.dtype))
    return np.asarray(array, order="C", dtype=array.dtype.newbyteorder("<"))
