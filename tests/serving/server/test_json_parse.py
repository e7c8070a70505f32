"""JSON is read as RapidJSON reads it, whatever the size, the depth and the bytes."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.serving.server import json_parse
from converter.serving.server.json_parse import Object, Value, parse
from converter.serving.status import Code, StatusError
from tests.serving.server import json_texts


def refusal(body: bytes) -> str:
    """Why a body is refused."""
    with pytest.raises(StatusError) as raised:
        parse(body)
    assert raised.value.code == Code.INVALID_ARGUMENT
    text, colon, reason = raised.value.message.partition(": ")
    assert (text, colon) == ("JSON Parse error", ": ")
    return reason


def shown(value: Value) -> Any:
    """A value that can be compared: types tell, and a NaN equals another."""
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, Object):
        return {"members": [(name, shown(item)) for name, item in value.members]}
    return type(value).__name__, repr(value)


class Careful(json_parse._Reader):
    """The reader without its shortcuts."""

    def _nested_numbers(self, start: int) -> None:
        return None

    def _run(self, items: list[Value], start: int) -> int:
        return start


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b" \t\r\n1 ", 1),
        (b"-0", 0),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", 2.0**64),
        (b"-9223372036854775809", -(2.0**63)),
        (b"123456789012345678901234567890", 1.2345678901234566e29),
        (b"1.0", 1.0),
        (b"1e2", 100.0),
        (b"0.30000000000000004", 0.30000000000000004),
        (b"9e308", math.inf),
        (b"1e-400", 0.0),
        (b"0.00e310", 0.0),
        (b"1e0000000000000000000000000005", 1e5),
        (b"Inf", math.inf),
        (b"-Infinity", -math.inf),
        (b"NaInf", math.inf),
        (b"NaN.5", 0.5),
        (b"-NaN.5", -0.5),
        (b'"a\\u00e9\\ud83d\\ude00\\/\\n"', "aé😀/\n".encode()),
        (b'"\\udc00"', b"\xed\xb0\x80"),
        (b'"\\u0000"', b"\0"),
        (b'"\xff\x7f"', b"\xff\x7f"),
        (b"[1,[2,[]],{}]", [1, [2, []], Object()]),
        (b"\xef\xbb\xbf1", 1),
        (b"\xbb\xbf1", 1),
        (b"[1]\x00]]]", [1]),
    ],
)
def test_values_are_those_of_rapidjson(body: bytes, value: Value) -> None:
    assert shown(parse(body)) == shown(value)


def test_nan_is_read_with_either_sign() -> None:
    assert all(math.isnan(value) for value in parse(b"[NaN,-NaN]"))  # type: ignore[union-attr,arg-type]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "The document is empty"),
        (b"   ", "The document is empty. at offset: 3"),
        (b"\xef\xbb\xbf", "The document is empty. at offset: 3"),
        (b"\x00{}", "The document is empty. at offset: 0"),
        (b"1 2", "The document root must not be followed by other values. at offset: 2"),
        (b"nulL", "Invalid value. at offset: 3"),
        (b"[1,]", "Invalid value. at offset: 3"),
        (b"[,1]", "Invalid value. at offset: 1"),
        (b"[1,2,,3]", "Invalid value. at offset: 5"),
        (b"-", "Invalid value. at offset: 1"),
        (b"-a", "Invalid value. at offset: 1"),
        (b"NaX", "Invalid value. at offset: 2"),
        (b"Infinite", "Invalid value. at offset: 7"),
        (b"[1 2]", "Missing a comma or ']' after an array element. at offset: 3"),
        (b"[01]", "Missing a comma or ']' after an array element. at offset: 2"),
        (b"[1", "Missing a comma or ']' after an array element. at offset: 2"),
        (b'{"a":1', "Missing a comma or '}' after an object member. at offset: 6"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b"{1:2}", "Missing a name for object member. at offset: 1"),
        (b'{"a":1,}', "Missing a name for object member. at offset: 7"),
        (b"1.", "Miss fraction part in number. at offset: 2"),
        (b"1e", "Miss exponent in number. at offset: 2"),
        (b"1e+", "Miss exponent in number. at offset: 3"),
        (b"[-1e309]", "Number too big to be stored in double. at offset: 1"),
        (b"[0e309]", "Number too big to be stored in double. at offset: 1"),
        (b"[0.00e311]", "Number too big to be stored in double. at offset: 1"),
        (b"1" * 310, "Number too big to be stored in double. at offset: 0"),
        (b'"\\u12x4"', "Incorrect hex digit after \\u escape in string. at offset: 1"),
        (b'"\\ud800x"', "The surrogate pair in string is invalid. at offset: 1"),
        (b'"\\ud800\\u0041"', "The surrogate pair in string is invalid. at offset: 1"),
        (b'"\\ud800\\uzzzz"', "Incorrect hex digit after \\u escape in string. at offset: 1"),
        (b'"\\x41"', "Invalid escape character in string. at offset: 1"),
        (b'"a\tb"', "Invalid escape character in string. at offset: 2"),
        (b'"abc', "Missing a closing quotation mark in string. at offset: 4"),
        (b'"a\x00b"', "Missing a closing quotation mark in string. at offset: 2"),
    ],
)
def test_what_is_no_json_is_refused_in_rapidjsons_words(body: bytes, reason: str) -> None:
    assert refusal(body) == reason


def test_the_first_of_two_members_of_a_name_counts_and_both_are_kept() -> None:
    value = parse(b'{"a":1,"b":2,"a":3}')
    assert isinstance(value, Object)
    assert value[b"a"] == 1
    assert b"b" in value
    assert b"c" not in value
    assert len(value.members) == 3
    with pytest.raises(KeyError):
        value[b"c"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(value=_JSON, indent=st.sampled_from([None, 2]), plain=st.booleans())
def test_what_python_writes_is_read_as_it_was(value: Any, indent: int | None, plain: bool) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=plain).encode()
    assert shown(parse(body)) == shown(_in_bytes(value))


def _in_bytes(value: Any) -> Value:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return [_in_bytes(item) for item in value]
    if isinstance(value, dict):
        return Object([(name.encode(), _in_bytes(item)) for name, item in value.items()])
    assert value is None or isinstance(value, int | float)
    return value


def _outcome(read: Any, body: bytes) -> Any:
    """The value, or the message of the refusal."""
    try:
        return shown(read(body))
    except StatusError as error:
        return error.message


@settings(deadline=None, max_examples=300)
@given(body=json_texts.documents.filter(lambda body: body and body[:1] not in b"\xef\xbb\xbf"))
def test_taking_numbers_at_once_changes_nothing(body: bytes) -> None:
    assert _outcome(parse, body) == _outcome(lambda text: Careful(text).document(0), body)


@settings(deadline=None)
@given(body=st.binary() | json_texts.documents)
def test_any_bytes_are_read_or_refused_at_a_place_in_them(body: bytes) -> None:
    try:
        parse(body)
        return
    except StatusError as error:
        refused = error
    assert refused.code == Code.INVALID_ARGUMENT
    assert body == b"" or 0 <= int(refused.message.partition(" at offset: ")[2]) <= len(body)


@pytest.mark.parametrize(
    ("opening", "closing", "depth"), [(b"[", b"]", 500_000), (b'[{"":', b"}]", 50_000)]
)
def test_nesting_may_be_deeper_than_any_stack(opening: bytes, closing: bytes, depth: int) -> None:
    value = parse(opening * depth + b"1" + closing * depth)
    levels = 0
    while not isinstance(value, int):
        if isinstance(value, Object):
            ((_, value),) = value.members
        else:
            assert isinstance(value, list)
            (value,) = value
        levels += 1
    assert levels == depth * len(closing)


@pytest.mark.parametrize("opening", [b"[", b'[{"":'])
def test_deep_nesting_that_never_closes_is_refused(opening: bytes) -> None:
    depth = 50_000
    assert refusal(opening * depth) == f"Invalid value. at offset: {len(opening) * depth}"


def test_long_runs_that_break_late_are_refused_where_they_break() -> None:
    body = b"[" + b"1.5," * 100_000 + b"x]"
    assert refusal(body) == f"Invalid value. at offset: {len(body) - 2}"
    body = b"[" + b"[1]," * 50_000 + b"[1 2]]"
    assert refusal(body).endswith(f"at offset: {len(body) - 3}")
