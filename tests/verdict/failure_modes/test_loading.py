"""Failure modes 4 to 14, 30, 35 and 36: what Keras says of a file that it cannot load.

The tool avoids these by loading with the writer's Keras, or translates the config; users meet them
in environments of their own.
"""

from __future__ import annotations

import json
from typing import Any

import h5py
import pytest

from converter.errors import WorkerRaised
from converter.toolchain.facts import LoadOptions, Mode
from converter.verdict.diagnosis import explain
from testing.planting import Bed


def _session(bed: Bed, toolchain: str) -> Any:
    mode: Mode = "graph" if toolchain.startswith("tf1") else "eager"
    return bed.keras(toolchain, mode)


def _cause(bed: Bed, file: str, toolchain: str, flavour: str, **more: Any) -> str:
    """The cause of what a Keras says of a file that it is to load as it is."""
    planted = bed.folder / file
    path = planted if planted.exists() else bed.fixtures / file
    options = LoadOptions(flavour, **{"translate": "never", **more})
    with pytest.raises(WorkerRaised) as caught:
        _session(bed, toolchain).load_h5(path, options)
    found = explain(caught.value.why)
    return found.cause if found else f"not explained: {caught.value.why}"


@pytest.mark.parametrize(
    ("file", "toolchain", "flavour", "cause"),
    [
        pytest.param(*cell, marks=pytest.mark.toolchain(cell[1]), id=f"{cell[0]} in {cell[1]}")
        for cell in (
            # 5
            ("digits-tf.keras-2.4.0.h5", "tf2.2", "tf.keras", "functional-not-known"),
            # 6
            ("lstm-keras-2.1.6.h5", "tf2.2", "tf.keras", "sequential-as-list"),
            ("lstm-keras-2.1.6.h5", "tf2.21", "keras3", "sequential-as-list"),
            # 7
            ("digits-keras3-3.15.h5", "tf2.15", "tf.keras", "argument-not-known"),
            # 9
            ("digits-tf.keras-2.3.0-tf.h5", "tf1.14-keras2.2", "tf.keras", "argument-not-known"),
            ("lstm-tf.keras-2.15.h5", "tf2.21", "keras3", "argument-not-known"),
        )
    ],
)
def test_a_file_of_another_keras(
    file: str, toolchain: str, flavour: str, cause: str, bed: Bed
) -> None:
    """Avoided by the plan: tests/test_rules.py, tests/test_pipeline.py."""
    assert _cause(bed, file, toolchain, flavour) == cause


# Files by tf.keras 2.15 that other Kerases, or it itself, cannot load. {layer} makes `y` of `x`.
WRITTEN = """
keras = tf.keras
layers = keras.layers
model = keras.Sequential([layers.Input({shape}, name="x"), {layer}])
model.save(path("planted.h5"))
"""


@pytest.mark.parametrize(
    ("layer", "shape", "toolchain", "flavour", "cause"),
    [
        pytest.param(*cell, marks=pytest.mark.toolchain("tf2.15", cell[2]), id=cell[4])
        for cell in (
            # 8
            ("layers.DepthwiseConv2D(2)", "(4, 4, 2)", "tf2.21", "keras3", "argument-not-known"),
            # 10
            (
                "layers.Dense(3, dtype='mixed_float16')",
                "(4,)",
                "tf2.21",
                "keras3",
                "mixed-precision-policy",
            ),
            # 12
            (
                "layers.Lambda(lambda t: t * 2.0)",
                "(4,)",
                "tf2.2",
                "tf.keras",
                "bytecode-of-another-python",
            ),
            # 35, 36
            ("layers.Activation(tf.sin)", "(4,)", "tf2.15", "tf.keras", "function-not-known"),
        )
    ],
)
def test_a_layer_that_another_keras_does_not_read(
    layer: str, shape: str, toolchain: str, flavour: str, cause: str, bed: Bed
) -> None:
    bed.plant("tf2.15", WRITTEN.format(layer=layer, shape=shape))
    assert _cause(bed, "planted.h5", toolchain, flavour, allow_lambda=True) == cause


@pytest.mark.toolchain("tf2.15")
def test_a_loss_that_nobody_has_is_never_asked_for(bed: Bed) -> None:
    """11: models are loaded without compiling them."""
    bed.plant(
        "tf2.15",
        """
def mine(wanted, given):
    return wanted - given
x = tf.keras.Input((4,), name="x")
model = tf.keras.Model(x, tf.keras.layers.Dense(3, name="y")(x))
model.compile(loss=mine, optimizer="sgd")
model.save(path("planted.h5"))
""",
    )
    loaded = bed.keras("tf2.15").load_h5(
        bed.folder / "planted.h5", LoadOptions("tf.keras", translate="never")
    )
    assert loaded.via == "native"


@pytest.mark.toolchain("tf2.15")
@pytest.mark.parametrize("change", ["another model", "another size"])
def test_an_architecture_that_is_not_that_of_the_weights(change: str, bed: Bed) -> None:
    """14"""
    name = "batchnorm" if change == "another model" else "digits"
    with h5py.File(bed.fixtures / f"{name}-tf.keras-2.15.h5") as file:
        architecture = json.loads(file.attrs["model_config"])
    if change == "another size":
        architecture["config"]["layers"][1]["config"]["filters"] = 9
    file_name = "digits-tf.keras-2.15.h5"
    assert (
        _cause(bed, file_name, "tf2.15", "tf.keras", architecture=architecture)
        == "layers-do-not-match"
    )


# As others met them, in environments that the toolchains' locks rule out (4, 30), from older
# Kerases (10, 11, 14), or from Keras itself where this tool reads the file as data (13).
SAID = {
    "h5py-too-new": ["AttributeError: 'str' object has no attribute 'decode'"],
    "protobuf-too-new": [
        "TypeError: Descriptors cannot not be created directly.",
        "TypeError: Descriptors cannot be created directly.",
    ],
    "mixed-precision-policy": ["TypeError: Could not locate class 'Policy'. Make sure custom"],
    "function-not-known": [
        "TypeError: Could not deserialize. Unable to locate function mse.",
        "ValueError: Unknown loss function: 'focal'. Please ensure you are using",
    ],
    "layers-do-not-match": [
        "You are trying to load a weight file containing 1 layers into a model with 0 layers.",
        "Layer 'conv' expects 0 weight(s), but the saved weights have 2",
    ],
    "no-architecture": [
        "ValueError: No model found in config file.",
        "ValueError: No model config found in the file at model.h5.",
    ],
    "argument-not-known": [
        "TypeError: Unrecognized keyword arguments passed to DepthwiseConv2D: {'groups': 1}",
        "TypeError: ('Keyword argument not understood:', 'groups')",
        "TypeError: __init__() got an unexpected keyword argument 'ragged'",
    ],
}


@pytest.mark.parametrize(
    ("cause", "text"), [pytest.param(c, text, id=c) for c, texts in SAID.items() for text in texts]
)
def test_what_keras_says_is_explained(cause: str, text: str) -> None:
    found = explain(text)
    assert found is not None
    assert found.cause == cause
