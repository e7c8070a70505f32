"""Text inside messages is what TensorFlow Serving puts there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.serving.server.json_parse import Object, Value, parse
from converter.serving.server.json_text import (
    LONGEST_TEXT,
    as_bytes,
    as_text,
    debug_text,
    decimal,
    string,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (-5, "-5"),
        (2**64 - 1, "18446744073709551615"),
        (b"a\n", '"a\\n"'),
        ([], "[]"),
        (Object(), "{}"),
        # A number alone is a float32, of six digits if they will do.
        (1.0, "1.0"),
        (100.0, "100.0"),
        (0.1, "0.1"),
        (1e7, "1e+07"),
        (2.0**64, "1.84467441e+19"),
        (1 / 3, "0.333333343"),
        (-0.0, "-0.0"),
        (3.4028234e38, "3.40282347e+38"),
        # Beyond float32 it is a double.
        (1e39, "1e+39"),
        (-1.2345678901234567e300, "-1.2345678901234567e+300"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
    ],
)
def test_a_single_value_is_shown_as_it_is(value: Value, text: str) -> None:
    assert debug_text(value) == text


def test_containers_are_indented_by_four() -> None:
    value = parse(b'{"a":[1,{"b":[]}],"c":null}')
    assert debug_text(value).splitlines() == [
        "{",
        '    "a": [',
        "        1,",
        "        {",
        '            "b": []',
        "        }",
        "    ],",
        '    "c": null',
        "}",
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (123.456, "123.456"),
        (1e20, "100000000000000000000.0"),
        (1.5e21, "1.5e21"),
        (1e22, "1e22"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (-1.25e-9, "-1.25e-9"),
    ],
)
def test_a_double_among_others_has_its_shortest_digits(number: float, text: str) -> None:
    assert debug_text([number]) == f"[\n    {text}\n]"


def test_what_follows_a_nan_among_others_is_missing_as_in_the_real_server() -> None:
    assert debug_text([1, math.nan, 2]) == "[\n    1,\n    "
    assert debug_text(Object([(b"a", math.inf)])) == '{\n    "a": '


def test_a_text_is_cut_at_its_limit() -> None:
    long = b"x" * (2 * LONGEST_TEXT)
    deep: Value = []
    for _ in range(100_000):
        deep = [deep]
    values: list[Value] = [long, list(range(LONGEST_TEXT)), Object([(long, long)]), deep]
    for value in values:
        assert len(debug_text(value)) == LONGEST_TEXT


def test_strings_have_rapidjsons_escapes() -> None:
    assert (
        string(b'\x00\x1f"\\\b\f\n\r\t/\x7f\xff')
        == b'"\\u0000\\u001F\\"\\\\\\b\\f\\n\\r\\t/\x7f\xff"'
    )


@settings(deadline=None)
@given(st.binary())
def test_bytes_survive_a_message(data: bytes) -> None:
    assert as_bytes(as_text(data)) == data
    assert as_bytes(debug_text(data)) == string(data)
    assert parse(string(data)) == data


@settings(deadline=None)
@given(st.floats(width=32, allow_nan=False))
def test_the_digits_of_a_float32_mean_that_float32(value: float) -> None:
    assert float(np.float32(decimal(value))) == value


@settings(deadline=None)
@given(st.floats(allow_nan=False))
def test_the_digits_of_a_double_mean_that_double(value: float) -> None:
    assert float(decimal(value, 17)) == value
