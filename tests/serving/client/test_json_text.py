"""Numbers and strings cross JSON exactly; what JSON cannot say is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from converter.serving.client import json_text
from converter.serving.client.contract import TensorSpec
from converter.serving.tensors import KINDS, Tensor, of_array
from converter.wire.tensorflow_pb2 import DataType

CARRIED = sorted(
    dtype
    for dtype, kind in KINDS.items()
    if kind.numpy.kind in "biuf" and dtype != DataType.DT_BFLOAT16
)


@given(st.data())
def test_numbers_survive_json(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(CARRIED))
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=3, max_side=4))
    array = data.draw(arrays.arrays(KINDS[dtype].numpy, shape))
    text = json_text.written(Tensor(dtype, array))
    again = json_text.array_of(json_text.parsed(text), TensorSpec(dtype, None))
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)
    if array.dtype.kind == "f":
        numbers = ~np.isnan(array)
        assert (np.signbit(again) == np.signbit(array))[numbers].all()


@given(st.lists(st.lists(st.binary(max_size=20), min_size=2, max_size=2), min_size=1))
def test_strings_survive_json(values: list[list[bytes]]) -> None:
    tensor = of_array(np.array(values, object))
    text = json_text.written(tensor)
    spec = TensorSpec(DataType.DT_STRING, None)
    assert json_text.array_of(json_text.parsed(text), spec).tolist() == values


def test_floats_are_written_short() -> None:
    assert json_text.written(of_array(np.array([0.1, 1e30, 3.0], "f4"))) == b"[0.1,1e+30,3.0]"


@pytest.mark.parametrize("shape", [(1,), (1, 1), (2, 1), (2, 3, 1), (2, 1, 3), (1, 2, 1, 1)])
def test_dimensions_of_one_are_written_as_lists(shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype="i4").reshape(shape)
    assert json.loads(json_text.written(of_array(array))) == array.tolist()


def test_bfloat16_is_written_as_its_number() -> None:
    tensor = Tensor(DataType.DT_BFLOAT16, np.array([0x3F80, 0x3DCD], "<u2"))
    assert json.loads(json_text.written(tensor)) == pytest.approx([1.0, 0.1], rel=0.01)


def test_numbers_that_are_none_stand_bare() -> None:
    text = json_text.written(of_array(np.array([np.nan, np.inf, -np.inf, 0.5], "f4")))
    assert text == b"[NaN, Infinity, -Infinity, 0.5]"


@pytest.mark.parametrize(
    "array",
    [np.array([1j]), np.zeros((0, 3), "f4"), np.zeros((2, 0, 3), "f4")],
    ids=["complex", "no rows", "no rows inside"],
)
def test_what_json_cannot_say_is_refused(array: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_text.written(of_array(array))


def test_an_empty_last_dimension_can_be_said() -> None:
    assert json_text.written(of_array(np.zeros((2, 0), "f4"))) == b"[[],[]]"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"predictions": [NaN, Infinity, -Infinity]}', [math.nan, math.inf, -math.inf]),
        (b'{"predictions": [9e-07.0, 1E+20.0 ]}', [9e-07, 1e20]),
        (b'{"predictions": [9e-07.0, NaN]}', [9e-07, math.nan]),
        (b'{"predictions": ["\xff\xc3\xa4\x01"]}', ["\udcff\xe4\x01"]),
    ],
    ids=["not finite", "old exponents", "both", "bytes"],
)
def test_what_servers_write_beside_json_is_read(text: bytes, value: Any) -> None:
    np.testing.assert_equal(json_text.parsed(text), {"predictions": value})


def test_bytes_that_are_no_utf8_are_kept() -> None:
    value = json_text.parsed(b'["\xff\xc3\xa4", "b"]')
    spec = TensorSpec(DataType.DT_STRING, (None,))
    assert json_text.array_of(value, spec).tolist() == [b"\xff\xc3\xa4", b"b"]


@pytest.mark.parametrize("text", [b"", b"<html>", b'{"predictions": [1,', b"[1 2]", b"\xff"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"line 1|character"):
        json_text.parsed(text)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([1.5], "DT_INT32"),
        ([2**31], "DT_INT32"),
        ([-1], "DT_UINT64"),
        ([-1, 2**63], "DT_UINT64"),
        ([2**64], "DT_UINT64"),
        ([1], "DT_BOOL"),
        ([True], "DT_INT32"),
        ([True], "DT_FLOAT"),
        (["1"], "DT_FLOAT"),
        ([None], "DT_FLOAT"),
        ([[1], [2, 3]], "DT_FLOAT"),
        ([{"a": 1}], "DT_FLOAT"),
        ([1], "DT_STRING"),
        (["a", ["b"]], "DT_STRING"),
        ([["a"], ["b", "c"]], "DT_STRING"),
        ([["a"], "b"], "DT_STRING"),
        ([{"b64": "@"}], "DT_STRING"),
        ([{"b64": "YQ==", "c": 1}], "DT_STRING"),
        ([1.0], "DT_COMPLEX64"),
        ([1], "DT_INVALID"),
    ],
)
def test_values_of_another_dtype_are_refused(value: Any, dtype: str) -> None:
    with pytest.raises(ValueError, match=r"it has|its|type|inhomogeneous"):
        json_text.array_of(value, TensorSpec(DataType.Value(dtype), None))


def test_the_largest_integers_are_read_exactly() -> None:
    spec = TensorSpec(DataType.DT_UINT64, None)
    assert json_text.array_of([0, 2**64 - 1], spec).tolist() == [0, 2**64 - 1]
    spec = TensorSpec(DataType.DT_INT64, None)
    values = [-(2**63), 2**63 - 1]
    assert json_text.array_of(values, spec).tolist() == values


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((None, 3, None), (0, 3, 0)), ((None,), (0,)), (None, (0,)), ((), (0,))],
)
def test_an_empty_answer_has_the_rank_of_the_signature(shape: Any, wanted: Any) -> None:
    for dtype in (DataType.DT_FLOAT, DataType.DT_STRING, DataType.DT_BOOL):
        assert json_text.array_of([], TensorSpec(dtype, shape)).shape == wanted
