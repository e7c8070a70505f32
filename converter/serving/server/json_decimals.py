"""The digits that TensorFlow Serving gives a float32 in JSON, for whole arrays at once.

They are six significant digits where those mean the same float32, else nine (util/json_tensor.cc,
WriteDecimal). Here they come as the doubles nearest to those decimals: a writer of shortest digits
writes just these.

A decimal is m / 10**n with an integer m. A double holds m and, up to 10**22, 10**n exactly, so one
division (or multiplication, where n is negative) gives the nearest double. For m, the value times
10**n is rounded to an integer. Where that product is not exact and lies near the middle of two
integers, and beyond the range of those powers, a number is printed by itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converter.serving.server.json_text import decimal

_SHORT, _LONG = 6, 9
_EXACT_POWERS = 22  # 10**22 is the largest power of ten that a double holds
# A float32 has 24 bits, 5**12 has 28: up to here products fit the 53 bits of a double.
_EXACT_PRODUCTS = 12
# The decimal exponents for which n is within the powers, whether for six digits or for nine.
_LEAST, _LARGEST = _LONG - 1 - _EXACT_POWERS, _SHORT - 1 + _EXACT_POWERS
# Well above the error of the product, at most 2**-23 for nine digits.
_NEAR = 1e-6
# So many numbers at once that they stay in the processor's cache.
_CHUNK = 8192


class _Scale:
    """By decimal exponent from _LEAST on: what to multiply with and divide by for m, for k digits.

    One of the two is 1. `inexact`: whether the product may have an error.
    """

    def __init__(self, digits: int) -> None:
        shifts = [digits - 1 - exponent for exponent in range(_LEAST, _LARGEST + 1)]
        self.up = np.array([float(10 ** max(n, 0)) for n in shifts])
        self.down = np.array([float(10 ** max(-n, 0)) for n in shifts])
        self.inexact = np.array([n < 0 or n > _EXACT_PRODUCTS for n in shifts])


_SCALES = {digits: _Scale(digits) for digits in (_SHORT, _LONG)}

# By the eight bits of a float32's exponent: the decimal exponent of the smallest such number, and
# the power of ten at which the next one begins. No float32 lies between a power of ten and the
# double nearest to it.
_BINARY = [max(bits, 1) - 127 for bits in range(256)]
_DECIMAL = np.array([math.floor(e * math.log10(2)) for e in _BINARY])
_NEXT = np.array([float(f"1e{e + 1}") for e in _DECIMAL])


def as_written(values: NDArray[Any]) -> NDArray[Any]:
    """`values` (float32, all finite) as doubles with the digits they are written in."""
    flat = values.ravel()
    written = np.empty(flat.size)
    for start in range(0, flat.size, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        written[chunk] = _chunk_as_written(flat[chunk])
    return written.reshape(values.shape)


def _chunk_as_written(flat: NDArray[Any]) -> NDArray[Any]:
    wide = flat.astype(np.float64)
    places = _decimal_exponents(flat, np.abs(wide)) - _LEAST
    apart = (places < 0) | (places > _LARGEST - _LEAST)
    np.clip(places, 0, _LARGEST - _LEAST, out=places)
    short, _ = _rounded(wide, _SHORT, places)
    written, doubtful = _rounded(wide, _LONG, places)
    with np.errstate(over="ignore"):  # of numbers apart
        same = short.astype(np.float32) == flat
    np.copyto(written, short, where=same)
    for place in np.flatnonzero(apart | (doubtful & ~same)):
        written[place] = float(decimal(float(flat[place])))
    return written


def _decimal_exponents(flat: NDArray[Any], sizes: NDArray[Any]) -> NDArray[Any]:
    """The e of 10**e <= size < 10**(e + 1); 0 for zero."""
    bits = ((flat.view(np.uint32) >> 23) & 0xFF).astype(np.intp)
    exponents: NDArray[Any] = _DECIMAL.take(bits) + (sizes >= _NEXT.take(bits))
    exponents[sizes == 0] = 0
    return exponents


def _rounded(
    wide: NDArray[Any], digits: int, places: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The numbers rounded to so many digits, and where that may have gone the wrong way."""
    scale = _SCALES[digits]
    up, down = scale.up.take(places), scale.down.take(places)
    scaled = wide * up / down
    whole = np.rint(scaled)
    doubtful = scale.inexact.take(places) & (np.abs(np.abs(scaled - whole) - 0.5) < _NEAR)
    return whole / up * down, doubtful
