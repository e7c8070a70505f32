"""The layers of Keras 1 as those of Keras 2: classes, keys of their configs, stored weights.

Source: keras/layers/*.py of Keras 1.2.2 (get_config, build, call), and the names that Keras 2 gave
them in keras/legacy/interfaces.py of 2.1.6.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from converter.direct.config import Config
from converter.direct.weights import Array, Role

# What has no counterpart in Keras 2 is built in layers/keras1.py, under names that no file has.
OWN = "Keras 1 "


@dataclass(frozen=True)
class Old:
    """A layer of Keras 1. ordering: of its dimensions, where its config does not say it."""

    config: Config
    ordering: str | None

    @property
    def channels_first(self) -> bool:
        """Whether the channels come before the places."""
        given = self.config.get("dim_ordering", self.ordering)
        if given not in ("th", "tf"):
            raise self.config.refuse("nothing says whether its channels come first")
        return bool(given == "th")


# A value of the new config: the old one's key, or what works it out.
Value = str | Callable[[Old], Any]
Weights = Callable[[Old], Sequence[Role]]


@dataclass(frozen=True)
class Rule:
    """How to translate a class.

    class_name: the new one. keys: the new config's values; what the old one lacks is left out.
    weights: None where there are none, or a layer that is held has them.
    """

    class_name: str | Callable[[Old], str]
    keys: Mapping[str, Value]
    weights: Weights | None = None


def _kernel_and_bias(old: Old, change: Callable[[Array], Array] | None = None) -> Sequence[Role]:
    """W and b."""
    bias = [Role("bias", stored="b")] * old.config.flag("bias", True)
    return [Role("kernel", stored="W", change=change), *bias]


def _window_last(kernel: Array) -> Array:
    """(filters, channels, *window), which is Theano's order, as (*window, channels, filters)."""
    return np.transpose(kernel, [*range(2, kernel.ndim), 1, 0])


def _ordered(old: Old) -> Callable[[Array], Array] | None:
    return _window_last if old.channels_first else None


def _convolution(old: Old) -> Sequence[Role]:
    return _kernel_and_bias(old, _ordered(old))


def _line(kernel: Array, length: int, filters: int) -> Array:
    """A kernel for a line, stored as one for an image that is 1 wide.

    Before Keras 1.2 it was stored in the order of Theano. Source: load_weights_from_hdf5_group in
    keras/engine/topology.py, which tells both apart like this.
    """
    if kernel.shape[:2] != (length, 1) or kernel.shape[3] != filters:
        kernel = np.transpose(kernel, (2, 3, 1, 0))
    return kernel[:, 0]


def _line_convolution(old: Old) -> Sequence[Role]:
    length, filters = old.config.integer("filter_length"), old.config.integer("nb_filter")
    return _kernel_and_bias(old, functools.partial(_line, length=length, filters=filters))


def _separable(old: Old) -> Sequence[Role]:
    names = ("depthwise_kernel", "pointwise_kernel")
    kernels = [Role(name, change=_ordered(old)) for name in names]
    return [*kernels, *[Role("bias", stored="b")] * old.config.flag("bias", True)]


def _gates(old: Old, stored: str, made: str) -> Sequence[Role]:
    """Weights of gates, each stored on its own. stored, made: the gates in the file's order and in
    that of Keras 2.
    """
    names = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}
    if old.config.get("consume_less", "cpu") == "gpu":
        return _matrices(old)
    # Those of a ConvLSTM2D are kernels of convolutions.
    change = _ordered(old) if "nb_filter" in old.config.values else None
    return [
        Role(
            name,
            stored=f"{letter}_{gate}",
            place=made.index(gate),
            change=None if letter == "b" else change,
        )
        for gate in stored
        for letter, name in names.items()
    ]


def _matrices(_: Old) -> Sequence[Role]:
    names = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}
    return [Role(name, stored=letter) for letter, name in names.items()]


def _lstm(old: Old) -> Sequence[Role]:
    return _gates(old, "icfo", "ifco")


def _gru(old: Old) -> Sequence[Role]:
    return _gates(old, "zrh", "zrh")


def _normalization(_: Old) -> Sequence[Role]:
    """running_std is a variance, whatever it is called."""
    state = {"running_mean": "moving_mean", "running_std": "moving_variance"}
    found = [Role(name, stored=stored) for stored, name in state.items()]
    return [Role("gamma"), Role("beta"), *found]


def _named(*names: str) -> Weights:
    """Weights that are called alike in both."""
    return lambda _: [Role(name) for name in names]


def _highway(old: Old) -> Sequence[Role]:
    bias = old.config.flag("bias", True)
    return [Role("W"), Role("W_carry"), *[Role("b"), Role("b_carry")] * bias]


def _maxout(old: Old) -> Sequence[Role]:
    return [Role("W"), *[Role("b")] * old.config.flag("bias", True)]


def _data_format(old: Old) -> str:
    return "channels_first" if old.channels_first else "channels_last"


def _padding(old: Old) -> Any:
    """Zeros may be told by side, as one number for two sides, or by name."""
    given = old.config.get("padding")
    if isinstance(given, dict):
        sides = [int(given.get(f"{side}_pad", 0)) for side in ("top", "bottom", "left", "right")]
        return [sides[:2], sides[2:]] if "2D" in old.config.class_name else sides[2:]
    if "2D" in old.config.class_name and len(given) == 4:
        return [given[:2], given[2:]]
    return given


def _values(*keys: str) -> Callable[[Old], list[Any]]:
    """Several old values as a list."""
    return lambda old: [old.config.get(key) for key in keys]


def _constant(value: Any) -> Callable[[Old], Any]:
    return lambda _: value


def _normalized(old: Old) -> str:
    """Only in mode 0 is it that of Keras 2."""
    name = "BatchNormalization"
    return name if old.config.integer("mode", 0) == 0 else OWN + name


MERGED = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": OWN + "Merge",
    "cos": OWN + "Merge",
}


def _merged(old: Old) -> str:
    mode = old.config.get("mode")
    if old.config.get("mode_type", "raw") != "raw" or mode not in MERGED:
        raise old.config.refuse("its 'mode' is code of the one who wrote it")
    return MERGED[mode]


_DENSE: Mapping[str, Value] = {
    "units": "output_dim",
    "activation": "activation",
    "use_bias": "bias",
}
_FILTERS: Mapping[str, Value] = {
    "filters": "nb_filter",
    "padding": "border_mode",
    "activation": "activation",
    "use_bias": "bias",
}
_LINE: Mapping[str, Value] = {
    **_FILTERS,
    "kernel_size": _values("filter_length"),
    "strides": _values("subsample_length"),
}
_IMAGE: Mapping[str, Value] = {
    **_FILTERS,
    "kernel_size": _values("nb_row", "nb_col"),
    "strides": "subsample",
    "data_format": _data_format,
}
_VOLUME: Mapping[str, Value] = {
    **_FILTERS,
    "kernel_size": _values("kernel_dim1", "kernel_dim2", "kernel_dim3"),
    "strides": "subsample",
    "data_format": _data_format,
}
_POOLED_LINE: Mapping[str, Value] = {
    "pool_size": "pool_length",
    "strides": "stride",
    "padding": "border_mode",
}
_POOLED: Mapping[str, Value] = {
    "pool_size": "pool_size",
    "strides": "strides",
    "padding": "border_mode",
    "data_format": _data_format,
}
_PLACES: Mapping[str, Value] = {"data_format": _data_format}
_RECURRENT: Mapping[str, Value] = {
    **{key: key for key in ("return_sequences", "go_backwards", "stateful", "unroll")},
    "units": "output_dim",
    "activation": "activation",
    "use_bias": _constant(True),
}
_GATED: Mapping[str, Value] = {**_RECURRENT, "recurrent_activation": "inner_activation"}
_MODE: Mapping[str, Value] = {key: key for key in ("mode", "dot_axes")}

RULES: dict[str, Rule] = {
    "InputLayer": Rule("InputLayer", {}),
    "Dense": Rule("Dense", _DENSE, _kernel_and_bias),
    "TimeDistributedDense": Rule("Dense", _DENSE, _kernel_and_bias),
    "MaxoutDense": Rule(OWN + "MaxoutDense", {}, _maxout),
    "Highway": Rule(OWN + "Highway", {"activation": "activation"}, _highway),
    "Embedding": Rule(
        "Embedding",
        {"mask_zero": "mask_zero", "input_dim": "input_dim", "output_dim": "output_dim"},
        lambda _: [Role("embeddings", stored="W")],
    ),
    "Activation": Rule("Activation", {"activation": "activation"}),
    "Reshape": Rule("Reshape", {"target_shape": "target_shape"}),
    "Permute": Rule("Permute", {"dims": "dims"}),
    "Flatten": Rule("Flatten", {}),
    "RepeatVector": Rule("RepeatVector", {"n": "n"}),
    "Masking": Rule("Masking", {"mask_value": "mask_value"}),
    **{
        name: Rule(name, {})
        for name in (
            *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
            *("GaussianDropout", "GaussianNoise", "ActivityRegularization"),
        )
    },
    "LeakyReLU": Rule("LeakyReLU", {"alpha": "alpha"}),
    "PReLU": Rule("PReLU", {}, lambda _: [Role("alpha", stored="alphas")]),
    "ELU": Rule("ELU", {"alpha": "alpha"}),
    "ThresholdedReLU": Rule("ThresholdedReLU", {"theta": "theta"}),
    "ParametricSoftplus": Rule(OWN + "ParametricSoftplus", {}, _named("alphas", "betas")),
    "SReLU": Rule(OWN + "SReLU", {}, _named("t_left", "a_left", "t_right", "a_right")),
    "BatchNormalization": Rule(
        _normalized,
        {key: key for key in ("axis", "epsilon", "momentum", "mode")},
        _normalization,
    ),
    "Convolution1D": Rule("Conv1D", _LINE, _line_convolution),
    "AtrousConvolution1D": Rule(
        "Conv1D", {**_LINE, "dilation_rate": "atrous_rate"}, _line_convolution
    ),
    "Convolution2D": Rule("Conv2D", _IMAGE, _convolution),
    "AtrousConvolution2D": Rule("Conv2D", {**_IMAGE, "dilation_rate": "atrous_rate"}, _convolution),
    "Convolution3D": Rule("Conv3D", _VOLUME, _convolution),
    "SeparableConvolution2D": Rule("SeparableConv2D", _IMAGE, _separable),
    "Deconvolution2D": Rule(
        OWN + "Deconvolution2D", {**_IMAGE, "output_shape": "output_shape"}, _convolution
    ),
    "LocallyConnected1D": Rule("LocallyConnected1D", _LINE, _kernel_and_bias),
    "LocallyConnected2D": Rule("LocallyConnected2D", _IMAGE, _kernel_and_bias),
    "MaxPooling1D": Rule("MaxPooling1D", _POOLED_LINE),
    "AveragePooling1D": Rule("AveragePooling1D", _POOLED_LINE),
    **{
        f"{kind}Pooling{rank}D": Rule(f"{kind}Pooling{rank}D", _POOLED)
        for kind in ("Max", "Average")
        for rank in (2, 3)
    },
    **{
        f"Global{kind}Pooling{rank}D": Rule(
            f"Global{kind}Pooling{rank}D", _PLACES if rank > 1 else {}
        )
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    },
    "ZeroPadding1D": Rule("ZeroPadding1D", {"padding": _padding}),
    "ZeroPadding2D": Rule("ZeroPadding2D", {**_PLACES, "padding": _padding}),
    "ZeroPadding3D": Rule("ZeroPadding3D", {**_PLACES, "padding": "padding"}),
    "Cropping1D": Rule("Cropping1D", {"cropping": "cropping"}),
    "Cropping2D": Rule("Cropping2D", {**_PLACES, "cropping": "cropping"}),
    "Cropping3D": Rule("Cropping3D", {**_PLACES, "cropping": "cropping"}),
    "UpSampling1D": Rule("UpSampling1D", {"size": "length"}),
    "UpSampling2D": Rule("UpSampling2D", {**_PLACES, "size": "size"}),
    "UpSampling3D": Rule("UpSampling3D", {**_PLACES, "size": "size"}),
    "SimpleRNN": Rule("SimpleRNN", _RECURRENT, _matrices),
    "GRU": Rule("GRU", {**_GATED, "reset_after": _constant(False)}, _gru),
    "LSTM": Rule("LSTM", _GATED, _lstm),
    "ConvLSTM2D": Rule(
        "ConvLSTM2D",
        {
            **{key: key for key in ("return_sequences", "go_backwards", "stateful")},
            **_IMAGE,
            "recurrent_activation": "inner_activation",
            "use_bias": _constant(True),
        },
        _lstm,
    ),
    "Merge": Rule(_merged, {**_MODE, "axis": "concat_axis"}),
    "TimeDistributed": Rule("TimeDistributed", {"layer": "layer"}),
    "Bidirectional": Rule("Bidirectional", {"layer": "layer", "merge_mode": "merge_mode"}),
}
