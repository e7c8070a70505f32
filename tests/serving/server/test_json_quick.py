"""The usual bodies are read straight into arrays, and to the same tensors as all others."""

from __future__ import annotations

import re
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.serving.server import json_quick, json_request
from converter.serving.server.json_tensors import RULES
from converter.serving.status import StatusError
from converter.wire.tensorflow_pb2 import DataType, TensorInfo
from tests.serving.server import json_texts

DTYPES = sorted(DataType.values())
# Of the inputs' names: one that bodies give, or both, or none of them.
SIGNATURES = st.one_of(
    st.fixed_dictionaries({"x": st.sampled_from([*sorted(RULES), DataType.DT_FLOAT])}),
    st.fixed_dictionaries({"x": st.sampled_from(sorted(RULES)), "y": st.just(DataType.DT_FLOAT)}),
    st.dictionaries(st.sampled_from("xyz"), st.sampled_from(DTYPES)),
)


def outcome(body: bytes, dtypes: dict[str, int]) -> Any:
    """What a body is read as, or why it is refused; tensors to the bit."""
    infos = {alias: TensorInfo(dtype=dtype) for alias, dtype in dtypes.items()}  # type: ignore[arg-type]
    try:
        call = json_request.predict(body, lambda _: infos)
    except StatusError as error:
        return str(error)
    tensors = {
        alias: (tensor.dtype, tensor.array.dtype, tensor.array.shape, _bits(tensor.array))
        for alias, tensor in call.inputs.items()
    }
    return call.signature_name, call.row, tensors


def _bits(array: Any) -> Any:
    return array.ravel().tolist() if array.dtype.hasobject else array.tobytes()


def slow_outcome(body: bytes, dtypes: dict[str, int]) -> Any:
    """The same without the quick way."""
    with mock.patch.object(json_quick, "read", return_value=None):
        return outcome(body, dtypes)


@pytest.mark.parametrize(
    ("body", "dtypes"),
    [
        (b'{"instances":[1,2.5]}', {"x": 1}),
        (b' {\n "instances" : [ [ 1 , 2e-3 ] ,\t[ -0.0 , 4 ] ] }\r\n', {"x": 2}),
        (b'{"signature_name":"s-1","instances":[[[1],[2]]]}', {"x": 3}),
        (b'{"inputs":[],"signature_name":""}', {"x": 9}),
        (b'{"inputs":[[],[]]}', {"x": 6}),
        (b'{"inputs":{"a":[1,2],"b":[[9223372036854775808]]}}', {"a": 22, "b": 23}),
        (b'{"inputs":{"b":[1.5],"a":[1],"c":[2]},"signature_name":"x y"}', {"a": 4, "b": 1}),
    ],
)
def test_the_usual_bodies_are_read_the_quick_way(body: bytes, dtypes: dict[str, int]) -> None:
    quick = json_quick.read(body)
    assert quick is not None
    tensors = quick.tensors(dtypes)
    assert tensors is not None
    assert tensors.keys() == dtypes.keys()
    assert outcome(body, dtypes) == slow_outcome(body, dtypes)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[1]",
        b'{"instances":[]}',
        b'{"instances":[1,[2]]}',
        b'{"instances":[[1,2],[3]]}',
        b'{"instances":[1,"2"]}',
        b'{"instances":[true]}',
        b'{"instances":[NaN]}',
        b'{"instances":[{"x":[1]}]}',
        b'{"instances":{"x":[1]}}',
        b'{"instances":[1],"instances":[2]}',
        b'{"instances":[1],"inputs":[2]}',
        b'{"instances":[1],"other":[2]}',
        b'{"inputs":1}',
        b'{"inputs":{"a":1}}',
        b'{"inputs":{"a":[1],"a":[2]}}',
        b'{"inputs":{"a":[1],"b":[1 2]}}',
        b'{"inputs":{"\\u0061":[1]}}',
        b'{"signature_name":1,"inputs":[1]}',
        b'{"signature_name":"\\n","inputs":[1]}',
        b'{"signature_name":[1],"inputs":[1]}',
        b'{"signature_name":"s"}',
        b'{"inputs":[1]}x',
        b'{"inputs":[1]',
        b'{"inputs":[0e309]}',
        b'{"inputs":[18446744073709551616]}',
        b'{"inputs":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"inputs":{%b}}' % b",".join(b'"%d":[1]' % n for n in range(json_quick.MAX_ARRAYS + 1)),
    ],
)
def test_other_bodies_are_left_to_the_careful_way(body: bytes) -> None:
    assert json_quick.read(body) is None


def test_empty_lists_among_others_are_found_by_their_count() -> None:
    # By its brackets alone this is as regular as [[1],[2]].
    for body in (b'{"inputs":[[1],[]]}', b'{"inputs":[[],[1]]}'):
        quick = json_quick.read(body)
        assert quick is not None
        assert quick.tensors({"x": DataType.DT_FLOAT}) is None


def test_a_first_row_that_promises_much_costs_nothing() -> None:
    # As a regular array it would have 10**10 elements.
    row = b"[" + b"1," * 10**5 + b"1]"
    body = b'{"inputs":[' + row + b",[1]" * 10**5 + b"]}"
    assert json_quick.read(body) is None
    message = "Encountered list at unexpected size: 1 at level: 1 expected size: 100001"
    assert outcome(body, {"x": DataType.DT_FLOAT}) == f"INVALID_ARGUMENT: {message}"


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bodies near the usual ones."""
    small = st.integers(-300, 300).map(lambda value: b"%d" % value)
    positive = st.integers(0, 2**32 - 1).map(lambda value: b"%d" % value)
    fractions = st.sampled_from([b"1.5", b"-0.25", b"3e5", b"7"])
    number = draw(st.sampled_from([small, positive, fractions, json_texts.numbers]))
    shape = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))

    def array(sizes: list[int]) -> bytes:
        items = (array(sizes[1:]) if sizes[1:] else draw(number) for _ in range(sizes[0]))
        return b"[" + (draw(json_texts.spaces) + b",").join(items) + draw(json_texts.spaces) + b"]"

    key = draw(st.sampled_from([b"instances", b"inputs"]))
    value = array(shape)
    if draw(st.booleans()) and key == b"inputs":
        value = b'{"x":' + value + b',"y":' + array(shape) + b"}"
    members = [b'"%b":%b' % (key, value)]
    if draw(st.booleans()):
        members.insert(draw(st.integers(0, 1)), b'"signature_name":"s"')
    return b"{" + b",".join(members) + b"}"


@settings(deadline=None, max_examples=400)
@given(
    body=st.one_of(bodies(), bodies(), json_texts.spoiled(bodies())),
    dtypes=SIGNATURES,
)
def test_both_ways_come_to_the_same(body: bytes, dtypes: dict[str, int]) -> None:
    assert outcome(body, dtypes) == slow_outcome(body, dtypes)


def test_many_floats_keep_their_values_and_shape() -> None:
    values = np.random.default_rng(1).random((50, 7, 7, 2), np.float32)
    text = re.sub(r"\s", "", np.array2string(values, separator=",", threshold=values.size + 1))
    body = b'{"instances":' + text.encode() + b"}"
    assert json_quick.read(body) is not None
    infos = {"x": TensorInfo(dtype=DataType.DT_FLOAT)}
    (tensor,) = json_request.predict(body, lambda _: infos).inputs.values()
    np.testing.assert_array_equal(tensor.array, values)
