"""Float32 numbers get the very digits that TensorFlow Serving writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from converter.serving.server.json_decimals import as_written

RANDOM = np.random.default_rng(3)
AROUND = 40


def in_c(value: float) -> str:
    """The text that printf gives: %.6g if that is the same float32, else %.9g."""
    short = f"{value:.6g}"
    return short if float(np.float32(short)) == value else f"{value:.9g}"


def check(values: NDArray[Any]) -> None:
    values = values[np.isfinite(values)]
    written = as_written(values)
    assert written.shape == values.shape
    wanted = [float(in_c(value)) for value in values.ravel().tolist()]
    np.testing.assert_array_equal(written.ravel().view(np.int64), np.array(wanted).view(np.int64))


def floats(bits: Any) -> NDArray[Any]:
    return np.array(bits, np.uint32).view(np.float32)


def near(values: list[float]) -> NDArray[Any]:
    """The float32 numbers nearest to `values` and their neighbours, of both signs."""
    bits = np.array(values, np.float32).view(np.uint32).astype(np.int64)
    around = (bits[:, None] + np.arange(-AROUND, AROUND + 1)).ravel() & 0x7FFFFFFF
    return floats(np.concatenate([around, around | 0x80000000]))


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(near([float(f"1e{e}") for e in range(-45, 39)]), id="powers of ten"),
        pytest.param(near([2.0**e for e in range(-149, 128)]), id="powers of two"),
        pytest.param(near([float(f"9.99999e{e}") for e in range(-40, 38)]), id="many nines"),
        pytest.param(floats(RANDOM.integers(0, 2**32, 40_000, np.uint64)), id="any bits"),
        pytest.param(RANDOM.random(20_000, np.float32), id="zero to one"),
        pytest.param(RANDOM.standard_normal(20_000).astype("f4") * 1000, id="normal"),
        # The tenth digit is a 5 and the last.
        pytest.param((2.0**20 + RANDOM.integers(0, 2**23, 20_000) / 8).astype("f4"), id="middles"),
        pytest.param(
            (RANDOM.integers(0, 10**6, 20_000) * 10.0 ** RANDOM.integers(-20, 20, 20_000)).astype(
                "f4"
            ),
            id="six digits",
        ),
        pytest.param(np.array([[0.0, -0.0], [1e-45, -3.4028235e38]], "f4"), id="zeros and ends"),
        pytest.param(np.zeros((0, 3), "f4"), id="none"),
        pytest.param(np.float32(0.1).reshape(()), id="a scalar"),
    ],
)
def test_digits_are_those_of_printf(values: NDArray[Any]) -> None:
    check(values)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=50))
def test_digits_of_any_numbers_are_those_of_printf(bits: list[int]) -> None:
    check(floats(bits))


def test_orjson_writes_just_these_digits() -> None:
    values = np.array([0.1, 1 / 3, 16777216, 2.0**64, 3.05], "f4")
    text = orjson.dumps(as_written(values), option=orjson.OPT_SERIALIZE_NUMPY)
    assert text == b"[0.1,0.333333343,16777216.0,1.84467441e+19,3.05]"
