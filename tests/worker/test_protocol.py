"""Messages survive the wire; anything else is a ProtocolError."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from converter.toolchain.session import Array
from converter.worker import protocol

DTYPES = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def _sent(header: dict[str, Any], tensors: Any = ()) -> bytes:
    stream = io.BytesIO()
    protocol.write(stream, header, tensors)
    return stream.getvalue()


def _read(data: bytes) -> Any:
    return protocol.read(io.BytesIO(data))


def _framed(header: bytes, tensors: bytes = b"") -> bytes:
    return bytes(protocol.MAGIC) + struct.pack("<I", len(header)) + header + tensors


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1).filter(lambda k: k != "tensors"), json_values))
def test_headers_come_back_as_they_were(header: dict[str, Any]) -> None:
    assert _read(_sent(header)) == (header, {})


@settings(deadline=None)
@given(st.dictionaries(st.text(), arrays, max_size=3))
def test_tensors_come_back_with_name_dtype_shape_and_every_bit(tensors: dict[str, Array]) -> None:
    header, got = _read(_sent({"op": "predict"}, tensors.items()))
    assert header == {"op": "predict"}
    assert list(got) == list(tensors)
    for name, sent in tensors.items():
        assert (got[name].dtype, got[name].shape) == (sent.dtype, sent.shape)
        assert got[name].tobytes() == sent.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(3, dtype=">i4"),
        np.arange(12.0).reshape(3, 4).T,
        np.arange(10.0)[::-2],
        np.float32(1.5),
    ],
    ids=["big-endian", "Fortran order", "strides", "scalar"],
)
def test_any_layout_in_memory_has_one_form_on_the_wire(array: Array) -> None:
    got = _read(_sent({}, [("x", array)]))[1]["x"]
    assert np.array_equal(got, array)
    assert got.dtype == array.dtype.newbyteorder("<")


@pytest.mark.parametrize(
    "value",
    [np.array(["text"]), np.array([b"bytes"]), np.array([{}]), np.array(["2020"], "M8[Y]")],
    ids=["text", "bytes", "objects", "dates"],
)
def test_what_is_no_number_has_no_wire_form_and_nothing_is_sent(value: Array) -> None:
    stream = io.BytesIO()
    with pytest.raises(protocol.ProtocolError, match="no wire form"):
        protocol.write(stream, {}, [("good", np.ones(2)), ("bad", value)])
    assert stream.getvalue() == b""


def test_messages_follow_each_other_and_the_end_is_none() -> None:
    stream = io.BytesIO(_sent({"op": "a"}, [("x", np.ones(3))]) + _sent({"op": "b"}))
    assert protocol.read(stream)[0] == {"op": "a"}
    assert protocol.read(stream)[0] == {"op": "b"}
    assert protocol.read(stream) is None


def test_a_message_cut_anywhere_is_an_error() -> None:
    whole = _sent({"op": "predict"}, [("x", np.arange(4.0)), ("y", np.ones(1, "?"))])
    for length in range(1, len(whole)):
        with pytest.raises(protocol.ProtocolError):
            _read(whole[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"Hello, I am a print",
        b"CH5\x02" + struct.pack("<I", 2) + b"{}",
        b"\0" * 64,
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
    ids=["a print", "another version", "zeros", "another protocol"],
)
def test_what_does_not_start_like_a_message_is_an_error(data: bytes) -> None:
    with pytest.raises(protocol.ProtocolError, match="not a message"):
        _read(data)


def test_a_header_beyond_the_limit_is_refused_before_it_is_read() -> None:
    prefix = bytes(protocol.MAGIC) + struct.pack("<I", protocol.HEADER_LIMIT + 1)
    with pytest.raises(protocol.ProtocolError, match="a header of"):
        _read(prefix)


def _spec(**changes: Any) -> bytes:
    spec = {"name": "x", "dtype": "<f4", "shape": [2], "nbytes": 8}
    return json.dumps({"tensors": [{**spec, **changes}]}).encode()


def test_the_specification_that_the_broken_ones_are_made_from_is_good() -> None:
    assert _read(_framed(_spec(), bytes(8)))[1]["x"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"tensors": 1}',
        b'{"tensors": [1]}',
        b'{"tensors": [{}]}',
        _spec(dtype="<q9"),
        _spec(dtype="O"),
        _spec(dtype=None),
        _spec(shape=[3]),
        _spec(shape="2"),
        _spec(nbytes=7),
        _spec(nbytes=-1),
        _spec(nbytes=2**63),
        _spec(nbytes="8"),
    ],
    ids=[
        *("half JSON", "no text", "a list", "null", "no tensors", "a number", "no specs", "empty"),
        *("no dtype", "objects", "dtype null", "other shape", "shape text", "odd size"),
        *("negative size", "huge size", "size text"),
    ],
)
def test_a_header_that_describes_no_tensors_is_an_error(header: bytes) -> None:
    with pytest.raises(protocol.ProtocolError):
        _read(_framed(header, bytes(8)))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_garbage_is_an_error_or_nothing(data: bytes) -> None:
    if data:
        with pytest.raises(protocol.ProtocolError):
            _read(data)
    else:
        assert _read(data) is None


@settings(deadline=None)
@given(st.data())
def test_a_damaged_byte_never_raises_anything_else(data: st.DataObject) -> None:
    whole = bytearray(_sent({"op": "predict", "n": 1}, [("x", np.arange(4.0))]))
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] = data.draw(st.integers(0, 255))
    try:
        message = _read(bytes(whole))
    except protocol.ProtocolError:
        return
    assert isinstance(message[0], dict)
