"""ConvLSTM1D, 2D and 3D."""

from case import Case, Input

LINE = Input(3, 6, 2)
IMAGES = Input(3, 5, 6, 2)
BODIES = Input(2, 4, 3, 4, 2)
KINDS = (("ConvLSTM1D", LINE, 1), ("ConvLSTM2D", IMAGES, 2), ("ConvLSTM3D", BODIES, 3))
VARIANTS = (
    ("last", {}),
    ("sequences", {"return_sequences": True}),
    ("backwards", {"go_backwards": True, "return_sequences": True}),
    ("states", {"return_state": True}),
    ("same", {"padding": "same", "return_sequences": True}),
    ("no bias", {"use_bias": False}),
    ("strides", {"strides": 2, "padding": "same"}),
    ("strides, valid", {"strides": 2}),
    ("relu", {"activation": "relu", "recurrent_activation": "sigmoid"}),
)


def _case(kind, variant, given, arguments, size=2):
    def build(k, x):
        return getattr(k.L, kind)(3, size, **arguments)(x)

    return Case(kind, variant, given, build)


CASES = [
    _case(kind, variant, given, arguments)
    for kind, given, _ in KINDS
    for variant, arguments in VARIANTS
]


def _from_states(k, tensors):
    layer = k.L.ConvLSTM2D(3, 3, padding="same", return_sequences=True)
    return layer(tensors[0], initial_state=tensors[1:])


def _first_from_states(k, tensors):
    layer = k.L.ConvLSTM2D(3, 2, padding="same", data_format="channels_first")
    return layer(tensors[0], initial_state=tensors[1:])


def _by_name(**arguments):
    """A mask that is an input of its own, where Keras saves such calls."""

    def build(k, tensors):
        layer = k.L.ConvLSTM2D(3, 2, return_sequences=True, **arguments)
        return layer(tensors[0], mask=k.given_by_name(tensors[1]))

    told = "mask by name" + "".join(", " + key for key in sorted(arguments))
    return Case("ConvLSTM2D", told, [IMAGES, Input(3, dtype="bool", high=2)], build)


CASES += [
    _case("ConvLSTM1D", "dilated", LINE, {"dilation_rate": 2, "return_sequences": True}),
    _case("ConvLSTM2D", "dilated", IMAGES, {"dilation_rate": (2, 1), "return_sequences": True}),
    _case("ConvLSTM3D", "dilated", BODIES, {"dilation_rate": 2, "padding": "same"}),
    _case("ConvLSTM2D", "kernel 3 by 2", IMAGES, {"padding": "same"}, (3, 2)),
    _case(
        "ConvLSTM1D",
        "channels first",
        Input(3, 2, 6),
        {"data_format": "channels_first", "return_sequences": True, "return_state": True},
    ),
    _case(
        "ConvLSTM2D",
        "channels first",
        Input(3, 2, 5, 6),
        {"data_format": "channels_first", "return_sequences": True, "return_state": True},
    ),
    _case("ConvLSTM2D", "any number of steps", Input(None, 5, 6, 2, ask=IMAGES.ask), {}),
    _case(
        "ConvLSTM2D",
        "any number of places",
        Input(3, None, None, 2, ask=IMAGES.ask),
        {"return_sequences": True},
    ),
    Case("ConvLSTM2D", "initial state", [IMAGES, Input(5, 6, 3), Input(5, 6, 3)], _from_states),
    Case(
        "ConvLSTM2D",
        "initial state, channels first",
        [Input(3, 2, 5, 6), Input(3, 5, 6), Input(3, 5, 6)],
        _first_from_states,
    ),
    _by_name(),
    _by_name(zero_output_for_mask=True),
    Case(
        "Bidirectional",
        "ConvLSTM2D",
        IMAGES,
        lambda k, x: k.L.Bidirectional(k.L.ConvLSTM2D(3, 2, return_sequences=True))(x),
    ),
]
