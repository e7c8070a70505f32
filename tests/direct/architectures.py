"""Random valid architectures, as hypothesis draws them: lists of layers with their arguments.

What a layer does to the shape is followed, so that every architecture can be built. A description
is what testing/layer_cases/build.py takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

MOST_LAYERS = 12
ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "elu", "softplus", "softmax", "hard_sigmoid")

Described = list[Any]


@dataclass
class Architecture:
    """Layers under construction. shape: without the batch, after the last of them."""

    shape: tuple[int, ...]
    layers: list[Described] = field(default_factory=list)

    def add(self, name: str, shape: tuple[int, ...], **arguments: Any) -> None:
        """Append a layer that gives `shape`."""
        self.layers.append([name, arguments])
        self.shape = shape


@st.composite
def descriptions(draw: st.DrawFn) -> dict[str, Any]:
    """A whole model."""
    shape = draw(st.sampled_from([(7,), (5, 4), (8, 8, 3), (6, 9, 2)]))
    made = Architecture(shape)
    for _ in range(draw(st.integers(1, MOST_LAYERS))):
        _grow(draw, made)
    return {"shape": list(shape), "layers": made.layers}


def _grow(draw: st.DrawFn, made: Architecture) -> None:
    """One more layer, of those that fit the rank."""
    {1: _on_vector, 2: _on_steps, 3: _on_image}[len(made.shape)](draw, made)


def _on_vector(draw: st.DrawFn, made: Architecture) -> None:
    (size,) = made.shape
    kind = draw(st.sampled_from(["dense", "anywhere", "steps", "residual"]))
    if kind == "dense":
        _dense(draw, made)
    elif kind == "anywhere":
        _anywhere(draw, made)
    elif kind == "steps":
        made.add("RepeatVector", (3, size), n=3)
    else:
        made.add("Residual", made.shape)
        made.layers[-1][1] = [["Dense", {"units": size, "activation": _activation(draw)}]]


def _on_steps(draw: st.DrawFn, made: Architecture) -> None:
    steps, size = made.shape
    kind = draw(st.sampled_from(["dense", "anywhere", "conv", "pool", "recurrent", "end", "order"]))
    if kind == "dense":
        _dense(draw, made)
    elif kind == "anywhere":
        _anywhere(draw, made)
    elif kind == "conv":
        filters = draw(st.integers(1, 4))
        padding = draw(st.sampled_from(["same", "causal"]))
        dilation = draw(st.integers(1, 2))
        made.add(
            "Conv1D",
            (steps, filters),
            filters=filters,
            kernel_size=draw(st.integers(1, 3)),
            padding=padding,
            dilation_rate=dilation,
            activation=_activation(draw),
        )
    elif kind == "pool":
        name = draw(st.sampled_from(["MaxPooling1D", "AveragePooling1D"]))
        made.add(name, (-(-steps // 2), size), pool_size=2, padding="same")
    elif kind == "recurrent":
        _recurrent(draw, made)
    elif kind == "end":
        name = draw(st.sampled_from(["GlobalMaxPooling1D", "GlobalAveragePooling1D", "Flatten"]))
        made.add(name, (steps * size,) if name == "Flatten" else (size,))
    else:
        made.add("Permute", (size, steps), dims=[2, 1])


def _on_image(draw: st.DrawFn, made: Architecture) -> None:
    height, width, channels = made.shape
    kind = draw(st.sampled_from(["conv", "anywhere", "pool", "places", "end", "residual"]))
    if kind == "conv":
        _convolution(draw, made)
    elif kind == "anywhere":
        _anywhere(draw, made)
    elif kind == "pool":
        name = draw(st.sampled_from(["MaxPooling2D", "AveragePooling2D"]))
        shape = (-(-height // 2), -(-width // 2), channels)
        made.add(name, shape, pool_size=2, padding="same")
    elif kind == "places":
        if draw(st.booleans()) and height < 20:
            made.add("UpSampling2D", (height * 2, width * 2, channels), size=2)
        else:
            made.add("ZeroPadding2D", (height + 2, width + 4, channels), padding=[1, 2])
    elif kind == "end":
        names = ["GlobalMaxPooling2D", "GlobalAveragePooling2D", "Flatten", "Reshape"]
        name = draw(st.sampled_from(names))
        if name == "Flatten":
            made.add(name, (height * width * channels,))
        elif name == "Reshape":
            made.add(name, (height, width * channels), target_shape=[height, width * channels])
        else:
            made.add(name, (channels,))
    else:
        made.add("Residual", made.shape)
        inner = {"filters": channels, "kernel_size": 3, "padding": "same"}
        made.layers[-1][1] = [["Conv2D", inner], ["BatchNormalization", {}]]


def _convolution(draw: st.DrawFn, made: Architecture) -> None:
    height, width, channels = made.shape
    name = draw(
        st.sampled_from(["Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Conv2DTranspose"])
    )
    strides = draw(st.integers(1, 2))
    arguments: dict[str, Any] = {
        "kernel_size": draw(st.integers(1, 3)),
        "strides": strides,
        "padding": "same",
        "activation": _activation(draw),
        "use_bias": draw(st.booleans()),
    }
    filters = channels
    if name == "DepthwiseConv2D":
        arguments["depth_multiplier"] = draw(st.integers(1, 2))
        filters = channels * arguments["depth_multiplier"]
    else:
        filters = arguments["filters"] = draw(st.integers(1, 4))
    if name == "Conv2DTranspose":
        shape = (height * strides, width * strides, filters)
    else:
        shape = (-(-height // strides), -(-width // strides), filters)
    made.add(name, shape, **arguments)


def _recurrent(draw: st.DrawFn, made: Architecture) -> None:
    units = draw(st.integers(1, 4))
    name = draw(st.sampled_from(["LSTM", "GRU", "SimpleRNN"]))
    sequences = draw(st.booleans())
    arguments = {
        "units": units,
        "return_sequences": sequences,
        "go_backwards": draw(st.booleans()),
        "activation": draw(st.sampled_from(["tanh", "relu", "sigmoid"])),
    }
    if draw(st.booleans()):
        arguments["go_backwards"] = False
        mode = draw(st.sampled_from(["concat", "sum", "mul", "ave"]))
        units = units * 2 if mode == "concat" else units
        held = [name, arguments]
        name, arguments = "Bidirectional", {"layer": held, "merge_mode": mode}
    made.add(name, (made.shape[0], units) if sequences else (units,), **arguments)


def _dense(draw: st.DrawFn, made: Architecture) -> None:
    units = draw(st.integers(1, 5))
    arguments = {"units": units, "activation": _activation(draw), "use_bias": draw(st.booleans())}
    shape = (*made.shape[:-1], units)
    if len(made.shape) == 2 and draw(st.booleans()):
        made.add("TimeDistributed", shape, layer=["Dense", arguments])
    else:
        made.add("Dense", shape, **arguments)


def _anywhere(draw: st.DrawFn, made: Architecture) -> None:
    """A layer for any rank, that keeps the shape."""
    name, arguments = draw(
        st.sampled_from(
            [
                ("BatchNormalization", {}),
                ("BatchNormalization", {"scale": False, "epsilon": 0.01}),
                ("Dropout", {"rate": 0.5}),
                ("GaussianNoise", {"stddev": 0.5}),
                ("PReLU", {}),
                ("LeakyReLU", {}),
                ("ELU", {}),
                ("Softmax", {}),
            ]
        )
    )
    if draw(st.booleans()):
        made.add("Activation", made.shape, activation=_activation(draw))
        return
    made.add(name, made.shape, **arguments)


def _activation(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(ACTIVATIONS))
