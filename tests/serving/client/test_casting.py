"""Inputs become what the signature takes, or are refused; only floats may lose precision."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from converter.serving.client import casting
from converter.serving.client.contract import ModelMetadata, Signature, TensorSpec
from converter.serving.client.errors import RequestUnfit
from converter.serving.tensors import KINDS
from converter.wire.tensorflow_pb2 import DataType

FLOAT, INT32, STRING = DataType.DT_FLOAT, DataType.DT_INT32, DataType.DT_STRING
TWO = Signature(
    {"a": TensorSpec(FLOAT, (None, 2)), "b": TensorSpec(INT32, (None,))},
    {"s": TensorSpec(FLOAT, (None, 2)), "t": TensorSpec(INT32, (None,))},
    "tensorflow/serving/predict",
    frozenset("b"),
)
ONE = Signature({"x": TensorSpec(FLOAT, None)}, {"y": TensorSpec(FLOAT, None)}, "")
INTEGERS = [d for d, kind in KINDS.items() if "int" in kind.name]


def sent(value: Any, dtype: int) -> Any:
    """What is sent for `value` as an input of `dtype`."""
    tensor = casting.tensor_for("x", TensorSpec(dtype, None), value)
    assert tensor.dtype == dtype
    assert tensor.array.dtype == KINDS[dtype].numpy
    return tensor.values().tolist()


@pytest.mark.parametrize(
    ("value", "dtype", "wanted"),
    [
        ([1, 2], "DT_FLOAT", [1.0, 2.0]),
        ([True], "DT_FLOAT", [1.0]),
        (np.array([0.1]), "DT_FLOAT", [float(np.float32(0.1))]),
        (np.array([1.0], ">f8"), "DT_DOUBLE", [1.0]),
        ([math.inf, -math.inf], "DT_FLOAT", [math.inf, -math.inf]),
        ([1e-60], "DT_FLOAT", [0.0]),
        ([2**24, -(2**24)], "DT_FLOAT", [2.0**24, -(2.0**24)]),
        ([1.0, 65504.0], "DT_HALF", [1.0, 65504.0]),
        ([1.0, 1.00390625, 1.01171875], "DT_BFLOAT16", [1.0, 1.0, 1.015625]),
        ([256], "DT_BFLOAT16", [256.0]),
        ([-(2**31), 2**31 - 1], "DT_INT32", [-(2**31), 2**31 - 1]),
        (np.array([255], "i8"), "DT_UINT8", [255]),
        ([2**64 - 1], "DT_UINT64", [2**64 - 1]),
        ([True, False], "DT_BOOL", [True, False]),
        ([1.5, 2 + 1j], "DT_COMPLEX64", [1.5, 2 + 1j]),
        (["ä", "b"], "DT_STRING", ["ä".encode(), b"b"]),
        ([b"\xff", b""], "DT_STRING", [b"\xff", b""]),
        ("one", "DT_STRING", b"one"),
        ([], "DT_INT32", []),
        ([], "DT_STRING", []),
        ([[]], "DT_BOOL", [[]]),
        (-128, "DT_QINT8", -128),
    ],
)
def test_a_value_is_sent_whole(value: Any, dtype: str, wanted: Any) -> None:
    assert sent(value, DataType.Value(dtype)) == wanted


@pytest.mark.parametrize(
    ("value", "dtype", "why"),
    [
        ([1.0], "DT_INT32", "float64 numbers"),
        ([1.5], "DT_BOOL", "float64 numbers"),
        ([1], "DT_BOOL", "int64 numbers"),
        ([2**31], "DT_INT32", "2147483648, outside -2147483648 to 2147483647"),
        ([-1], "DT_UINT8", "-1, outside 0 to 255"),
        ([300], "DT_INT8", "300, outside"),
        ([2**24 + 1], "DT_FLOAT", "16777217, outside"),
        ([257], "DT_BFLOAT16", "257, outside"),
        ([2049], "DT_HALF", "2049, outside"),
        ([1e39], "DT_FLOAT", "too large"),
        ([70000.0], "DT_HALF", "too large"),
        ([3.4e38], "DT_BFLOAT16", "too large"),
        ([1j], "DT_FLOAT", "complex128 numbers"),
        (["1"], "DT_FLOAT", "no numbers"),
        ([None], "DT_FLOAT", "no numbers"),
        ([1], "DT_STRING", "not texts"),
        ([b"a", 1], "DT_STRING", "int"),
        ([2**64], "DT_UINT64", "no numbers"),
    ],
)
def test_what_would_lose_something_is_refused(value: Any, dtype: str, why: str) -> None:
    value = np.array(value, object) if value == [b"a", 1] else value
    with pytest.raises(RequestUnfit) as caught:
        sent(value, DataType.Value(dtype))
    assert why in caught.value.why
    assert "'x'" in caught.value.what


@pytest.mark.parametrize("dtype", ["DT_RESOURCE", "DT_VARIANT", "DT_FLOAT8_E5M2", "DT_INVALID"])
def test_a_kind_that_no_array_has_is_refused(dtype: str) -> None:
    with pytest.raises(RequestUnfit, match="no array can be"):
        sent([1], DataType.Value(dtype))


def test_lists_of_several_lengths_are_refused() -> None:
    with pytest.raises(RequestUnfit, match="is not an array"):
        sent([[1, 2], [3]], FLOAT)


@given(st.sampled_from(INTEGERS), st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers_are_sent_as_they_are_or_not_at_all(dtype: int, values: list[int]) -> None:
    limits = np.iinfo(KINDS[dtype].numpy)
    if all(limits.min <= value <= limits.max for value in values):
        assert sent(values, dtype) == values
    else:
        with pytest.raises(RequestUnfit):
            sent(values, dtype)


@given(st.floats(width=32))
def test_bfloat16_is_the_nearest(value: float) -> None:
    try:
        (found,) = sent([value], DataType.DT_BFLOAT16)
    except RequestUnfit:
        assert abs(value) > 3.389e38
        return
    if not math.isfinite(value):
        assert found == value or (math.isnan(found) and math.isnan(value))
        return
    bits = int(np.array([abs(found)], "<f4").view("<u4")[0])
    assert bits & 0xFFFF == 0
    around = [other for other in (bits - 0x10000, bits + 0x10000) if 0 <= other < 0x7F800000]
    for other in np.array(around, "<u4").view("<f4").tolist():
        assert abs(abs(found) - abs(value)) <= abs(other - abs(value))


def test_inputs_are_found_by_name() -> None:
    tensors = casting.tensors_for(TWO, {"b": [1], "a": [[1, 2]]})
    assert {name: tensor.array.tolist() for name, tensor in tensors.items()} == {
        "a": [[1.0, 2.0]],
        "b": [1],
    }


def test_one_array_is_enough_for_one_input() -> None:
    assert casting.tensors_for(ONE, [1, 2])["x"].array.tolist() == [1.0, 2.0]


def test_one_array_is_not_enough_for_two_inputs() -> None:
    with pytest.raises(RequestUnfit, match="the signature takes: a, b"):
        casting.tensors_for(TWO, [1, 2])


@pytest.mark.parametrize(
    ("inputs", "defaults", "why"),
    [
        ({"b": [1]}, True, "missing: a"),
        ({"a": [1]}, False, "missing: b"),
        ({"a": [1], "z": [1]}, True, "not of it: z"),
        ({"z": [1]}, False, "missing: a, b; not of it: z"),
    ],
)
def test_wrong_names_are_refused(inputs: dict[str, Any], defaults: bool, why: str) -> None:
    with pytest.raises(RequestUnfit) as caught:
        casting.tensors_for(TWO, inputs, defaults=defaults)
    assert caught.value.why == why
    assert caught.value.fix == "It takes: a, b"


def test_an_input_with_a_default_may_be_left_out() -> None:
    assert list(casting.tensors_for(TWO, {"a": [1]}, defaults=True)) == ["a"]


def test_an_unknown_signature_is_refused_with_those_there_are() -> None:
    metadata = ModelMetadata("m", 1, {"serving_default": ONE, "other": TWO})
    assert casting.signature_of(metadata, "other") is TWO
    with pytest.raises(RequestUnfit, match=r"no signature 'nope'.*serving_default, other"):
        casting.signature_of(metadata, "nope")


@pytest.mark.parametrize("outputs", [["z"], ["s", "s"], [""], ["s:0"]])
def test_wrong_outputs_are_refused(outputs: list[str]) -> None:
    casting.check_outputs(TWO, ["t", "s"])
    with pytest.raises(RequestUnfit, match="output"):
        casting.check_outputs(TWO, outputs)
