"""The numerical laws by which two answers of one layer are told apart."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converter.toolchain import catalog, provision
from converter.toolchain.session import Array
from converter.verdict import laws

IMAGES = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
SINGLE = np.array([0.1, 7000.7], np.float32)
LARGE = np.array([0.1, 7e9], np.float32)  # beyond the range of float16

# Writes what TensorFlow makes of IMAGES by each rule.
RESIZE = """
import sys
import numpy as np
import tensorflow as tf
images = np.load(sys.argv[1])
bilinear = tf.compat.v1.image.resize_bilinear
np.savez(sys.argv[2], **{
    "asymmetric": bilinear(images, (8, 15)),
    "half-pixel": bilinear(images, (8, 15), half_pixel_centers=True),
    "align-corners": bilinear(images, (8, 15), align_corners=True),
    "nearest": tf.compat.v1.image.resize_nearest_neighbor(images, (8, 15)),
})
"""


@pytest.mark.toolchain("tf2.15")
def test_the_rules_of_resizing_are_tensorflows(tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", IMAGES)
    python = provision.provide(catalog.get("tf2.15"))
    files = [str(tmp_path / name) for name in ("in.npy", "out.npz")]
    subprocess.run([str(python), "-c", RESIZE, *files], check=True, capture_output=True)
    with np.load(tmp_path / "out.npz") as resized:
        assert {name: laws.resize_rule(IMAGES, resized[name]) for name in resized.files} == {
            name: name for name in (*laws.RESIZE_RULES, laws.NEAREST)
        }


def test_what_no_rule_makes_has_no_rule() -> None:
    assert laws.resize_rule(IMAGES, np.zeros((2, 8, 10, 3), np.float32)) is None


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (SINGLE.astype(np.float16).astype(np.float32), "float16"),
        ((LARGE.view(np.uint32) & 0xFFFF0000).view(np.float32), "bfloat16"),
        (SINGLE, None),
        (np.round(SINGLE), None),
        (SINGLE.astype(np.float64), None),
    ],
    ids=["float16", "bfloat16", "float32", "whole numbers", "float64"],
)
def test_numbers_tell_the_half_precision_they_were_computed_in(
    values: Array, kind: str | None
) -> None:
    assert laws.in_half_precision(values) == kind


def _described(values: Array) -> dict[str, Any]:
    wide = values.astype(np.float64)
    places = np.linspace(0, values.size - 1, 32).astype(int)
    return {
        "shape": list(values.shape),
        "std": float(wide.std()),
        "low": float(wide.min()),
        "high": float(wide.max()),
        "sample": wide.ravel()[places].tolist(),
    }


def _uniform(bound: float, *shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(-bound, bound, shape).astype(np.float32)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("shape", "bound"),
    [
        ((64, 32), np.sqrt(6 / 96)),
        ((3, 3, 8, 16), np.sqrt(6 / (9 * 24))),
        ((3, 3, 8, 16), np.sqrt(6 / (9 * 8))),
        ((500, 16), 0.05),
    ],
    ids=["glorot", "glorot of a convolution", "he", "embedding"],
)
def test_a_kernel_as_an_initializer_makes_it_looks_fresh(
    shape: tuple[int, ...], bound: float, seed: int
) -> None:
    assert laws.looks_fresh(_described(_uniform(bound, *shape, seed=seed))) is True


@pytest.mark.parametrize(
    ("values", "fresh"),
    [
        (np.zeros(5), True),
        (np.ones(5), True),
        (np.repeat([0.0, 1.0, 0.0, 0.0], 4), True),
        (np.linspace(0, 1, 5) * 0.9, False),
        (np.random.default_rng(0).normal(size=(64, 32)) * 0.14, False),
        (_uniform(0.4, 64, 32), False),
        (_uniform(1.0, 3, 4), None),
    ],
    ids=["zeros", "ones", "an LSTM's bias", "trained", "normal", "wider", "too small to tell"],
)
def test_other_weights_do_not(values: Array, fresh: bool | None) -> None:
    assert laws.looks_fresh(_described(values)) is fresh


def test_rounded_weights_are_told_from_others_of_the_same_kind() -> None:
    one, other = _uniform(0.1, 200, 300), _uniform(0.1, 200, 300, seed=1)
    quantized = np.round(one * 1270) / 1270
    assert laws.rounded(_described(one), _described(quantized))
    assert not laws.rounded(_described(one), _described(other))
    assert not laws.rounded(_described(np.zeros((2, 3))), _described(np.zeros((2, 3))))
