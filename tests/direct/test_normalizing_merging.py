"""What normalizations, merges, activations and attention do by their writer, and what they refuse.

That they compute what the writer computes is held by test_layers.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import h5py
import numpy as np
import pytest

import converter.direct.layers  # noqa: F401 registers the layers
from converter.direct.architecture import layer_of
from converter.direct.compiler import Compiler
from converter.direct.graph import Tensor
from converter.direct.meanings import Meaning
from converter.direct.protos import Shape
from converter.direct.weights import Stored
from converter.errors import NotDirect
from converter.source.model import Writer

TF_1_12 = Writer("tf.keras", "2.1.6-tf", "tensorflow")
TF_1_15 = Writer("tf.keras", "2.2.4-tf", "tensorflow")
TF_2_3 = Writer("tf.keras", "2.4.0", "tensorflow")
TF_2_15 = Writer("tf.keras", "2.15.0", "tensorflow")
NATIVE_2_1 = Writer("keras", "2.1.6", "tensorflow")
NATIVE = Writer("keras", "2.2.4", "tensorflow")
KERAS_3 = Writer("keras3", "3.15.1", "tensorflow")


NONE: dict[str, tuple[int, ...]] = {}


class Built:
    """One layer called on inputs of the shapes given, by what `writer` means."""

    def __init__(self, writer: Writer, shapes: Sequence[Shape], masked: Sequence[bool] = ()):
        self.compiler = Compiler(Meaning(writer, ""))
        graph = self.compiler.graph
        self.inputs = [graph.one("Placeholder", [], "float32", shape) for shape in shapes]
        for place, has in enumerate(masked):
            if has:
                mask = graph.one("Placeholder", [], "bool", shapes[place][:-1])
                self.inputs[place] = self.inputs[place].with_mask(mask)

    def call(
        self,
        class_name: str,
        config: dict[str, Any],
        weights: Mapping[str, tuple[int, ...]] = NONE,
        **kwargs: Any,
    ) -> list[Tensor]:
        raw = {"class_name": class_name, "config": {"name": "it", **config}}
        held: dict[tuple[str, ...], Stored] = {(n,): stored(n, s) for n, s in weights.items()}
        first = self.inputs[0] if len(self.inputs) == 1 else self.inputs
        return self.compiler.call(layer_of(raw), held, (first,), kwargs)

    def ops(self) -> list[str]:
        return [node.op for node in self.compiler.graph.nodes]

    def attribute(self, op: str, name: str) -> Any:
        (node,) = [n for n in self.compiler.graph.nodes if n.op == op]
        return node.attr[name]


def stored(name: str, shape: tuple[int, ...]) -> Stored:
    return Stored(name, cast(h5py.Dataset, np.ones(shape, np.float32)))


STATISTICS = {"gamma": (3,), "beta": (3,), "moving_mean": (3,), "moving_variance": (3,)}


@pytest.mark.parametrize(
    ("writer", "epsilon"),
    [
        (TF_1_12, 1.001e-5),
        (TF_2_3, 1.001e-5),
        (TF_2_15, 1e-6),
        (NATIVE_2_1, 1e-6),
        (NATIVE, 1.001e-5),
        (KERAS_3, 1e-6),
    ],
)
def test_a_small_epsilon_is_raised_where_the_writer_raises_it(
    writer: Writer, epsilon: float
) -> None:
    built = Built(writer, [(None, 4, 4, 3)])
    built.call("BatchNormalization", {"axis": 3, "epsilon": 1e-6}, STATISTICS)
    assert built.attribute("FusedBatchNormV2", "epsilon").f == pytest.approx(epsilon)


def test_an_epsilon_of_vectors_is_never_raised() -> None:
    built = Built(TF_1_12, [(None, 3)])
    built.call("BatchNormalization", {"axis": [1], "epsilon": 1e-6}, STATISTICS)
    assert built.attribute("FusedBatchNormV2", "epsilon").f == pytest.approx(1e-6)


@pytest.mark.parametrize("config", [{"renorm": True}, {"virtual_batch_size": 2}, {"axis": "last"}])
def test_batch_normalizations_that_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(NotDirect):
        Built(TF_2_15, [(None, 3)]).call("BatchNormalization", config, STATISTICS)


def test_a_mask_weighs_the_groups_of_keras_2_and_is_nothing_to_keras_3() -> None:
    shapes: list[Shape] = [(None, 5, 3)]
    config = {"groups": 3, "scale": False, "center": False}
    Built(KERAS_3, shapes, [True]).call("GroupNormalization", config)
    with pytest.raises(NotDirect, match="not known"):
        Built(TF_2_15, shapes, [True]).call("GroupNormalization", config)


@pytest.mark.parametrize(
    ("writer", "op"), [(NATIVE, "LogicalAnd"), (TF_2_15, "LogicalAnd"), (KERAS_3, "LogicalOr")]
)
def test_how_masks_of_merged_tensors_are_joined(writer: Writer, op: str) -> None:
    built = Built(writer, [(None, 5, 3)] * 2, [True, True])
    (result,) = built.call("Add", {})
    assert result.mask is not None
    assert op in built.ops()


@pytest.mark.parametrize(("writer", "masked"), [(NATIVE, True), (KERAS_3, False)])
def test_the_mask_of_one_of_two_tensors(writer: Writer, masked: bool) -> None:
    (result,) = Built(writer, [(None, 5, 3)] * 2, [True, False]).call("Add", {})
    assert (result.mask is not None) == masked


@pytest.mark.parametrize(
    ("writer", "shape"), [(NATIVE, (None, 3, 4, 4)), (KERAS_3, (None, 3, 4, 3, 4))]
)
def test_dot_of_images(writer: Writer, shape: Shape) -> None:
    (result,) = Built(writer, [(None, 3, 4, 5)] * 2).call("Dot", {"axes": 3})
    assert result.shape == shape


def test_a_leaky_relu_takes_two_operations() -> None:
    built = Built(TF_2_15, [(None, 3)])
    built.call("LeakyReLU", {"alpha": 0.3})
    assert built.ops()[1:] == ["Const", "Mul", "Maximum"]


def test_a_slope_above_1_is_refused_where_tensorflows_differ() -> None:
    Built(TF_2_15, [(None, 3)]).call("LeakyReLU", {"alpha": 1.5})
    with pytest.raises(NotDirect):
        Built(TF_1_15, [(None, 3)]).call("LeakyReLU", {"alpha": 1.5})


def test_a_softmax_whose_mask_may_count_or_not_is_refused() -> None:
    Built(TF_2_15, [(None, 5, 3)], [False]).call("Softmax", {})
    with pytest.raises(NotDirect):
        Built(TF_2_3, [(None, 5, 3)], [True]).call("Softmax", {})


def test_an_attention_that_may_be_causal_is_refused() -> None:
    Built(TF_1_15, [(None, 5, 3)] * 2).call("Attention", {"causal": False})
    with pytest.raises(NotDirect):
        Built(TF_1_15, [(None, 5, 3)] * 2).call("Attention", {})
