"""What layers with places do by their writer, what they refuse, and kernels of local convolutions.

That they compute what the writer computes is held by test_layers.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import h5py
import numpy as np
import pytest

import converter.direct.layers  # noqa: F401 registers the layers
from converter.direct.architecture import layer_of
from converter.direct.compiler import Compiler
from converter.direct.graph import Tensor
from converter.direct.layers import locally_connected as local
from converter.direct.layers.convolution import turn
from converter.direct.meanings import Meaning
from converter.direct.protos import Shape
from converter.direct.weights import Array, Stored
from converter.errors import NotDirect
from converter.source.model import Writer

TF_1_12 = Writer("tf.keras", "2.1.6-tf", "tensorflow")
TF_1_14 = Writer("tf.keras", "2.2.4-tf", "tensorflow")
TF_2_15 = Writer("tf.keras", "2.15.0", "tensorflow")
NATIVE = Writer("keras", "2.2.4", "tensorflow")
THEANO = Writer("keras", "2.2.4", "theano")
KERAS_3 = Writer("keras3", "3.15.1", "tensorflow")
KERAS_3_TORCH = Writer("keras3", "3.15.1", "torch")

NONE: dict[str, tuple[int, ...]] = {}
LAST: Shape = (None, 9, 8, 4)
FIRST: Shape = (None, 4, 9, 8)
KERNEL = {"kernel": (3, 3, 4, 6), "bias": (6,)}
TO_FIRST = {"data_format": "channels_first"}


class Built:
    """One layer called on an input, by what `writer` means."""

    def __init__(
        self,
        writer: Writer,
        class_name: str,
        shape: Shape,
        config: Mapping[str, Any],
        weights: Mapping[str, tuple[int, ...]] = NONE,
        *,
        masked: bool = False,
    ) -> None:
        self.compiler = Compiler(Meaning(writer, ""))
        graph = self.compiler.graph
        x = graph.one("Placeholder", [], "float32", shape)
        if masked:
            x = x.with_mask(graph.one("Placeholder", [], "bool", shape[:2]))
        raw = {"class_name": class_name, "config": {"name": "it", **config}}
        held: dict[tuple[str, ...], Stored] = {(n,): _stored(n, s) for n, s in weights.items()}
        self.y: Tensor = self.compiler.call(layer_of(raw), held, (x,), {})[0]

    @property
    def ops(self) -> list[str]:
        return [node.op for node in self.compiler.graph.nodes]

    def constant(self, op: str, place: int) -> Any:
        """What the constant input of the only such operation holds."""
        nodes = {node.name: node for node in self.compiler.graph.nodes}
        (node,) = [node for node in nodes.values() if node.op == op]
        value = nodes[node.input[place]].attr["value"].tensor
        sizes = [dim.size for dim in value.tensor_shape.dim]
        return np.frombuffer(value.tensor_content, np.int32).reshape(sizes).tolist()

    def padding(self, op: str) -> bytes:
        (node,) = [node for node in self.compiler.graph.nodes if node.op == op]
        return bytes(node.attr["padding"].s)


def _stored(name: str, shape: tuple[int, ...]) -> Stored:
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return Stored(name, cast(h5py.Dataset, values))


class TestWindows:
    """The kernels of local convolutions, in the three forms, are the same."""

    @pytest.mark.parametrize("first", [False, True])
    @pytest.mark.parametrize(
        "over",
        [
            local.Windows((1, 7), (1, 3), (1, 2), same=False),
            local.Windows((5, 6), (2, 3), (1, 1), same=True),
            local.Windows((5, 6), (4, 3), (2, 3), same=True),
        ],
    )
    def test_a_matrix_and_its_entries(self, over: local.Windows, *, first: bool) -> None:
        channels, filters = 2, 3
        sizes = (*over.places, channels, *over.counts, filters)
        matrix = np.random.default_rng(1).random(sizes, np.float32)
        counts = np.zeros_like(matrix, dtype=bool)
        for at in np.ndindex(*over.counts):
            starts = [a * s - b for a, s, b in zip(at, over.strides, over.before, strict=True)]
            for place in np.ndindex(*over.places):
                offsets = [p - s for p, s in zip(place, starts, strict=True)]
                inside = all(0 <= o < w for o, w in zip(offsets, over.window, strict=True))
                seen: local.Index = (*place, slice(None), *at)
                counts[seen] = inside
        made = local.from_matrix(_first(matrix) if first else matrix, over, channels_first=first)
        assert made.sum() == pytest.approx(matrix[counts].sum(), rel=1e-5)
        stored, known = (_first(matrix), _first(counts)) if first else (matrix, counts)
        half = stored.ndim // 2
        flat = [array.reshape(np.prod(stored.shape[:half]), -1).T for array in (stored, known)]
        entries = local.from_entries(flat[0][flat[1]], over, filters, channels_first=first)
        assert np.array_equal(entries, made)

    def test_channels_before_windows(self) -> None:
        over = local.Windows((1, 4), (1, 2), (1, 1), same=False)
        kernel = np.arange(3 * 6 * 1).reshape(3, 6, 1)
        made = local.from_windows(kernel, over, channels_first=True)
        assert made[0, :, 0].tolist() == [0, 2, 4, 1, 3, 5]


def _first(matrix: Array) -> Array:
    """A matrix from inputs to outputs of two dimensions with channels and filters first."""
    return np.transpose(matrix, (2, 0, 1, 5, 3, 4))


class TestTheano:
    """Theano turns kernels around, and pads half a window on either side."""

    def test_kernels_are_turned_in_their_places_only(self) -> None:
        kernel = np.arange(12).reshape(2, 3, 1, 2)
        assert turn(kernel)[0, 0].tolist() == kernel[1, 2].tolist()

    @pytest.mark.parametrize(
        ("config", "amounts"),
        [
            ({"kernel_size": 3, "strides": 2}, [[0, 0], [1, 1], [1, 1], [0, 0]]),
            ({"kernel_size": 4}, [[0, 0], [2, 1], [2, 1], [0, 0]]),
        ],
    )
    def test_it_pads_otherwise(self, config: dict[str, Any], amounts: list[list[int]]) -> None:
        size = config["kernel_size"]
        weights = {"kernel": (size, size, 4, 6)}
        built = Built(
            THEANO, "Conv2D", LAST, {"padding": "same", "use_bias": False, **config}, weights
        )
        assert built.constant("Pad", 1) == amounts
        assert built.padding("Conv2D") == b"VALID"
        strides = config.get("strides", 1)
        assert built.y.shape == (None, -(-9 // strides), -(-8 // strides), 6)

    def test_it_pads_alike(self) -> None:
        config = {"padding": "same", "use_bias": False, "kernel_size": 3}
        built = Built(THEANO, "Conv2D", LAST, config, {"kernel": (3, 3, 4, 6)})
        assert "Pad" not in built.ops

    def test_its_pooling_is_refused(self) -> None:
        with pytest.raises(NotDirect, match="MaxPooling2D"):
            Built(THEANO, "MaxPooling2D", LAST, {"pool_size": 2, "padding": "same"})


@pytest.mark.parametrize(
    ("writer", "op"),
    [(NATIVE, "ResizeBilinear"), (TF_2_15, "MirrorPad"), (KERAS_3, "MirrorPad")],
)
def test_where_a_resize_takes_its_samples(writer: Writer, op: str) -> None:
    assert op in Built(writer, "UpSampling2D", LAST, {"interpolation": "bilinear"}).ops


def test_an_interpolation_that_is_not_said() -> None:
    assert "ResizeNearestNeighbor" in Built(NATIVE, "UpSampling2D", LAST, {}).ops
    with pytest.raises(NotDirect) as refused:
        Built(TF_1_14, "UpSampling2D", LAST, {})
    assert "does not say" in str(refused.value.why)


@pytest.mark.parametrize("shape", [FIRST, (None, 4, 9, None)])
def test_a_bias_that_may_be_added_elsewhere(shape: Shape) -> None:
    config = {"kernel_size": 3, **TO_FIRST}
    for writer in (TF_2_15, KERAS_3_TORCH):
        assert Built(writer, "Conv2D", shape, config, KERNEL).y.shape[1] == 6
    with pytest.raises(NotDirect) as refused:
        Built(KERAS_3, "Conv2D", shape, config, KERNEL)
    assert "bias" in str(refused.value.why)


@pytest.mark.parametrize(("writer", "size"), [(TF_1_12, 11), (TF_1_14, 13)])
def test_dilations_of_a_transposed_convolution(writer: Writer, size: int) -> None:
    config = {"kernel_size": 3, "dilation_rate": 2, "use_bias": False}
    built = Built(writer, "Conv2DTranspose", LAST, config, {"kernel": (3, 3, 6, 4)})
    assert built.y.shape[1] == size


def test_a_bias_that_cannot() -> None:
    config = {"kernel_size": 3, **TO_FIRST}
    weights = {"kernel": (3, 3, 4, 5), "bias": (5,)}
    assert Built(KERAS_3, "Conv2D", FIRST, config, weights).y.shape == (None, 5, 7, 6)


@pytest.mark.parametrize(
    ("class_name", "shape", "config", "weights", "why"),
    [
        (
            "Conv2D",
            LAST,
            {"kernel_size": 3, "strides": 2, "dilation_rate": 2},
            KERNEL,
            "both strides",
        ),
        ("Conv2D", LAST, {"kernel_size": 3, "padding": "full"}, KERNEL, "'full'"),
        ("Conv2D", LAST, {"kernel_size": 3, "strides": 0}, KERNEL, "'strides'"),
        ("Conv2D", (None, 8, 4), {"kernel_size": 3}, KERNEL, "3 dimensions"),
        ("Conv2D", LAST, {"kernel_size": 3}, {"kernel": (3, 4, 6), "bias": (6,)}, "shape"),
        ("Conv2D", (None, 2, 2, 4), {"kernel_size": 3}, KERNEL, "no window"),
        (
            "DepthwiseConv2D",
            LAST,
            {"kernel_size": 3, "strides": [1, 2]},
            {"depthwise_kernel": (3, 3, 4, 1)},
            "equal",
        ),
        ("Conv2DTranspose", LAST, {"kernel_size": 3, "output_padding": 1}, KERNEL, "not fit"),
        (
            "Conv2DTranspose",
            LAST,
            {"kernel_size": 4, "strides": 2, "padding": "same", "output_padding": 0},
            KERNEL,
            "not fit",
        ),
        (
            "LocallyConnected2D",
            (None, None, 8, 4),
            {"kernel_size": 3, "filters": 6},
            KERNEL,
            "known",
        ),
        ("UpSampling2D", LAST, {"interpolation": "area"}, NONE, "'area'"),
        ("ZeroPadding2D", LAST, {"padding": [[1, 2, 3], 1]}, NONE, "'padding'"),
        ("Cropping2D", LAST, {"cropping": [-1, 1]}, NONE, "'cropping'"),
    ],
)
def test_what_is_refused(
    class_name: str,
    shape: Shape,
    config: dict[str, Any],
    weights: dict[str, tuple[int, ...]],
    why: str,
) -> None:
    with pytest.raises(NotDirect) as refused:
        Built(TF_2_15, class_name, shape, config, weights)
    assert why in str(refused.value.why)


def test_a_mask_with_channels_first_is_refused() -> None:
    with pytest.raises(NotDirect) as refused:
        Built(TF_2_15, "GlobalAveragePooling1D", (None, 4, 4), TO_FIRST, masked=True)
    assert "mask" in str(refused.value.why)


def test_groups_of_one_channel_are_one_operation() -> None:
    weights = {"kernel": (3, 3, 1, 8)}
    config = {"kernel_size": 3, "groups": 4, "use_bias": False}
    built = Built(TF_2_15, "Conv2D", LAST, config, weights)
    assert "DepthwiseConv2dNative" in built.ops
    assert "Split" not in built.ops


@pytest.mark.parametrize("shape", [(None, 6, 7, 5, 4), (None, None, None, None, 4)])
def test_places_of_a_dilated_volume(shape: Shape) -> None:
    config = {"kernel_size": 2, "dilation_rate": 2, "padding": "same", "use_bias": False}
    built = Built(TF_2_15, "Conv3D", shape, config, {"kernel": (2, 2, 2, 4, 3)})
    assert built.y.shape == (*shape[:-1], 3)
