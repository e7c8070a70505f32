"""Numbers of JSON as RapidJSON 1.1.0 reads them, the reader that TensorFlow Serving has.

Integers that fit 64 bits stay integers; every other number is a double. Doubles are rounded
correctly, but for one case that a recording shows: an integer beyond 64 bits is collected digit by
digit (d = 10 * d + digit), which may be off by one unit in the last place.

Whole arrays of numbers are left to quicker readers where all readers agree on every number in them;
see `plain`.
"""

from __future__ import annotations

import math
import re
from typing import Any, NoReturn

import orjson

from converter.serving.status import Code, StatusError

# The texts are those of RapidJSON's error/en.h.
INVALID_VALUE = "Invalid value."
TOO_BIG = "Number too big to be stored in double."
MISS_FRACTION = "Miss fraction part in number."
MISS_EXPONENT = "Miss exponent in number."

_LARGEST = {False: 2**64 - 1, True: 2**63}  # by whether the number is negative
_FULL = 1.7976931348623157e307  # DBL_MAX / 10: a number from here on takes no further digit
_LARGEST_EXPONENT = 308
_KEPT_DIGITS = 17  # of a fraction; and one more where the integer part is not 0

_INTEGER = re.compile(rb"0|[1-9][0-9]*")
_DIGITS = re.compile(rb"[0-9]+")
_EXPONENT_MARK = re.compile(rb"[eE]([+-]?)")

# Where readers differ: integers beyond 64 bits, and large exponents, which RapidJSON refuses even
# where the number is small.
_UNUSUAL = re.compile(rb"(?<![0-9.])[0-9]{20}|-9[0-9]{18}|[eE]\+?[0-9]{3}")
# The same exponents, by a first letter that is quick to look for.
_LARGE_EXPONENTS = (re.compile(rb"e\+?[0-9]{3}"), re.compile(rb"E\+?[0-9]{3}"))
# A quick look for signs of those, in a text with every digit a 0, every E an e, all that may stand
# before a number a comma, and no plus signs.
_SIMPLER = bytes.maketrans(b"123456789E[ \t\r\n", b"000000000e,,,,,")
_SIGNS = (b"," + b"0" * 20, b"-" + b"0" * 19, b"e000")


def refuse(text: str, offset: int) -> NoReturn:
    """Raise what a client gets for a body that is not JSON."""
    raise StatusError(Code.INVALID_ARGUMENT, f"JSON Parse error: {text} at offset: {offset}")


def plain(text: bytes) -> bool:
    """Whether every reader takes the numbers in the JSON array `text` for the same values."""
    simpler = text.translate(_SIMPLER, b"+")
    return not any(sign in simpler for sign in _SIGNS) or not _UNUSUAL.search(text)


def small_exponents(text: bytes) -> bool:
    """Whether no exponent in the JSON array `text` is one that RapidJSON alone refuses.

    Enough for a reader that refuses integers beyond 64 bits by itself, as simdjson does.
    """
    return not any(exponent.search(text) for exponent in _LARGE_EXPONENTS)


def plain_array(text: bytes) -> list[Any] | None:
    """The (nested) array of numbers that `text` is, or None where it must be read with care."""
    if not plain(text):
        return None
    try:
        array: list[Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return array


def number(data: bytes, start: int) -> tuple[int | float, int]:
    """The number at `start` and where it ends. Raises StatusError where there is none."""
    negative = data.startswith(b"-", start)
    at = start + negative
    integer = _INTEGER.match(data, at)
    if integer:
        digits, at = integer.group(), integer.end()
        whole = _whole(digits, negative, start)
    else:
        whole, at = _not_finite(data, at, negative)
        digits = b"0"  # RapidJSON reads on as after a zero: NaN.5 is 0.5
    fraction, at = _fraction(data, at)
    exponent, at = _exponent(data, at)
    if not fraction and not exponent:
        return whole, at
    if _too_big(digits, fraction, exponent):
        refuse(TOO_BIG, start)
    sign = b"-" if negative else b""
    return float(b"%b%b.%be%b" % (sign, digits, fraction or b"0", exponent or b"0")), at


def _whole(digits: bytes, negative: bool, start: int) -> int | float:
    """The number that has no fraction and no exponent."""
    largest = _LARGEST[negative]
    # No prefix of more than 20 digits fits, and every one of 18 does.
    fitting = next(count for count in (20, 19, 18) if int(digits[:count]) <= largest)
    if len(digits) <= fitting:
        return -int(digits) if negative else int(digits)
    value = float(int(digits[:fitting]))
    for digit in digits[fitting:]:
        if value >= _FULL:
            refuse(TOO_BIG, start)
        value = value * 10 + (digit - ord("0"))
    return -value if negative else value


def _not_finite(data: bytes, at: int, negative: bool) -> tuple[float, int]:
    """NaN, Inf or Infinity. The beginning of a NaN before an Inf passes too: NaInf."""
    end = _along(data, at, b"NaN")
    if end - at == len(b"NaN"):
        return math.nan, end
    at, end = end, _along(data, end, b"Inf")
    if end - at < len(b"Inf"):
        refuse(INVALID_VALUE, end)
    if data.startswith(b"i", end):
        at, end = end, _along(data, end, b"inity")
        if end - at < len(b"inity"):
            refuse(INVALID_VALUE, end)
    return -math.inf if negative else math.inf, end


def _along(data: bytes, at: int, word: bytes) -> int:
    """How far the letters of `word` stand at `at`."""
    for letter in word:
        if not data.startswith(bytes([letter]), at):
            break
        at += 1
    return at


def _fraction(data: bytes, at: int) -> tuple[bytes, int]:
    """The digits behind the point, if there is one."""
    if not data.startswith(b".", at):
        return b"", at
    found = _DIGITS.match(data, at + 1)
    if not found:
        refuse(MISS_FRACTION, at + 1)
    return found.group(), found.end()


def _exponent(data: bytes, at: int) -> tuple[bytes, int]:
    """The exponent with its sign, if there is one."""
    mark = _EXPONENT_MARK.match(data, at)
    if not mark:
        return b"", at
    found = _DIGITS.match(data, mark.end())
    if not found:
        refuse(MISS_EXPONENT, mark.end())
    return mark.group(1) + found.group(), found.end()


def _too_big(digits: bytes, fraction: bytes, exponent: bytes) -> bool:
    """Whether RapidJSON refuses the exponent; only digits it keeps make room for a larger one."""
    significant = exponent.lstrip(b"+0")
    if len(significant) <= 2 or exponent.startswith(b"-"):
        return False
    if digits == b"0":
        kept = len(fraction) - len(fraction.lstrip(b"0")) + _KEPT_DIGITS
    else:
        kept = max(0, _KEPT_DIGITS + 1 - len(digits))
    room = _LARGEST_EXPONENT + min(len(fraction), kept)
    return len(significant) > len(str(room)) or int(significant) > room
