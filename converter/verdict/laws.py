"""Numerical laws by which two answers of one layer are told apart.

Pure functions over arrays: nothing here knows a worker, a file or a report.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from converter.toolchain.session import Array

Weight = Mapping[str, Any]

# How an output pixel finds its place in the input, for n pixels that become m.
# Sources: image_ops_impl.py of TensorFlow: resize_bilinear of 1.x, resize_images_v2, align_corners.
RESIZE_RULES: Mapping[str, Callable[[Array, int, int], Array]] = {
    "asymmetric": lambda i, n, m: i * n / m,
    "half-pixel": lambda i, n, m: (i + 0.5) * n / m - 0.5,
    "align-corners": lambda i, n, m: i * (n - 1) / max(m - 1, 1),
}
NEAREST = "nearest"

# The bounds of a uniform initializer, from the shape of a kernel or an embedding's table.
# Sources: GlorotUniform, HeUniform and RandomUniform(-0.05, 0.05) of Keras 2.15.
UNIFORM_BOUNDS: Mapping[str, Callable[[int, int], float]] = {
    "glorot_uniform": lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out)),
    "he_uniform": lambda fan_in, fan_out: math.sqrt(6 / fan_in),
    "random_uniform": lambda fan_in, fan_out: 0.05,
}
# Elements a kernel needs for its spread to say anything.
ENOUGH = 64


def resized(images: Array, height: int, width: int, rule: str) -> Array:
    """`images` (rows, height, width, channels) resized bilinearly, or to the nearest, by `rule`."""
    across = _weights(images.shape[1], height, rule)
    along = _weights(images.shape[2], width, rule)
    found: Array = np.einsum("hi,wj,bijc->bhwc", across, along, images.astype(np.float64))
    return found


def _weights(n: int, m: int, rule: str) -> Array:
    """A matrix (m, n): how much each input pixel counts for each output pixel."""
    places = np.arange(m, dtype=np.float64)
    found = np.zeros((m, n))
    if rule == NEAREST:
        found[np.arange(m), np.floor(places * n / m).astype(int)] = 1.0
        return found
    at = np.clip(RESIZE_RULES[rule](places, n, m), 0, n - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, n - 1)
    np.add.at(found, (np.arange(m), low), 1 - (at - low))
    np.add.at(found, (np.arange(m), high), at - low)
    return found


def resize_rule(images: Array, answer: Array) -> str | None:
    """The rule that makes `answer` of `images`, both with channels last; None when none does."""
    for rule in (*RESIZE_RULES, NEAREST):
        if near(resized(images, answer.shape[1], answer.shape[2], rule), answer):
            return rule
    return None


def near(a: Array, b: Array) -> bool:
    """Whether two arrays are the same up to rounding in single precision."""
    if a.shape != b.shape or not a.size:
        return False
    scale = float(np.abs(b).max())
    return bool(np.abs(a.astype(np.float64) - b.astype(np.float64)).max() <= 1e-5 * (scale + 1))


def in_half_precision(values: Array) -> str | None:
    """The half precision in which every one of `values` (float32) can be written, if there is one.

    Whole numbers, which any precision can write, say nothing.
    """
    if values.dtype != np.float32 or np.array_equal(values, np.round(values)):
        return None
    with np.errstate(over="ignore"):
        if np.array_equal(values.astype(np.float16).astype(np.float32), values):
            return "float16"
    # bfloat16 is the upper half of a float32.
    if not (np.ascontiguousarray(values).view(np.uint32) & 0xFFFF).any():
        return "bfloat16"
    return None


def is_constant(weight: Weight) -> bool:
    """Whether all elements of a described weight are the same: such weights look all alike."""
    return bool(weight["low"] == weight["high"])


def looks_fresh(weight: Weight) -> bool | None:
    """Whether a described weight looks as an initializer leaves it; None for small kernels.

    Vectors are all 0 or all 1 (LSTM biases hold both); kernels are spread evenly between the bounds
    of a uniform: up to 6/size below the bound, with the uniform's deviation (4 standard errors).
    """
    shape = weight["shape"]
    if len(shape) < 2:
        return {weight["low"], weight["high"]} <= {0.0, 1.0}
    size = math.prod(shape)
    if size < ENOUGH:
        return None
    field = math.prod(shape[:-2])
    reach = max(abs(weight["low"]), abs(weight["high"]))
    bounds = [of(field * shape[-2], field * shape[-1]) for of in UNIFORM_BOUNDS.values()]
    return any(
        (1 - 6 / size) * bound <= reach <= 1.001 * bound
        and abs(weight["std"] * math.sqrt(3) / bound - 1) < 2 / math.sqrt(size)
        for bound in bounds
    )


def rounded(weight: Weight, other: Weight) -> bool:
    """Whether `other` may be `weight` in less precision: its sampled elements are nearly equal."""
    size = max(abs(weight["low"]), abs(weight["high"]))
    return bool(
        weight["shape"] == other["shape"]
        and not is_constant(weight)
        and np.allclose(weight["sample"], other["sample"], rtol=0, atol=0.02 * size)
    )
