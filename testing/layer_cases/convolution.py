"""Convolutions of every kind."""

from case import Case, Input

LINE = Input(9, 4)
ANY_LINE = Input(None, 4, ask=(9, 4))
IMAGE = Input(9, 8, 4)
ANY_IMAGE = Input(None, None, 4, ask=(9, 8, 4))
FIRST = Input(4, 9, 8)
VOLUME = Input(6, 7, 5, 4)
ANY_VOLUME = Input(None, None, None, 4, ask=(6, 7, 5, 4))
FIRST_VOLUME = Input(4, 6, 7, 5)
FIRST_FORMAT = {"data_format": "channels_first"}


def _case(layer, variant, given, *args, **settings):
    return Case(layer, variant, given, lambda k, x: getattr(k.L, layer)(*args, **settings)(x))


def _as_many(layer, places, given, filters):
    """As many filters as last places: of Keras 3, which answers this in two ways, it is refused."""
    made = _case(layer, "channels first, as many " + places, given, filters, 3, **FIRST_FORMAT)
    made.only = ("keras", "tf.keras", "tf_keras")
    return made


CONV_1D = [
    _case("Conv1D", "valid", LINE, 3, 3),
    _case("Conv1D", "same, relu", LINE, 3, 4, padding="same", activation="relu"),
    _case("Conv1D", "causal", LINE, 3, 3, padding="causal"),
    _case("Conv1D", "causal, dilated", LINE, 3, 3, padding="causal", dilation_rate=2),
    _case("Conv1D", "causal, strides", LINE, 3, 3, padding="causal", strides=2),
    _case("Conv1D", "strides", LINE, 3, 3, strides=2),
    _case("Conv1D", "same, strides", LINE, 3, 4, strides=3, padding="same"),
    _case("Conv1D", "dilated", LINE, 3, 3, dilation_rate=2),
    _case("Conv1D", "same, dilated", LINE, 3, 4, dilation_rate=2, padding="same"),
    _case("Conv1D", "no bias", LINE, 3, 3, use_bias=False),
    _case("Conv1D", "softmax", LINE, 3, 3, activation="softmax"),
    _case("Conv1D", "any length", ANY_LINE, 3, 3, padding="same"),
    _case("Conv1D", "any length, dilated", ANY_LINE, 3, 3, padding="causal", dilation_rate=2),
    _case("Conv1D", "channels first", Input(4, 9), 3, 3, activation="softmax", **FIRST_FORMAT),
    _case(
        "Conv1D",
        "channels first, causal",
        Input(4, 9),
        *(3, 3),
        padding="causal",
        data_format="channels_first",
    ),
    _as_many("Conv1D", "steps", Input(4, 9), 7),
    _case("Conv1D", "groups", LINE, 6, 3, groups=2),
    _case("Conv1D", "as many groups", LINE, 8, 3, groups=4, strides=2),
    _case("Conv1D", "more dimensions", Input(2, 9, 4), 3, 3),
    _case("Conv1D", "any more dimensions", Input(None, None, 4, ask=(2, 9, 4)), 3, 3),
    Case(
        "Conv1D",
        "masked",
        Input(6, dtype="int32", high=9, masked=2),
        lambda k, x: k.L.Conv1D(3, 2)(k.L.Embedding(9, 4, mask_zero=True)(x)),
    ),
]

CONV_2D = [
    _case("Conv2D", "valid", IMAGE, 3, 3),
    _case("Conv2D", "same, relu", IMAGE, 3, (3, 2), padding="same", activation="relu"),
    _case("Conv2D", "strides", IMAGE, 3, 3, strides=(2, 1)),
    _case("Conv2D", "same, strides", IMAGE, 3, (3, 4), strides=(2, 3), padding="same"),
    _case("Conv2D", "dilated", IMAGE, 3, 3, dilation_rate=2),
    _case("Conv2D", "same, dilated", IMAGE, 3, (3, 2), dilation_rate=(2, 3), padding="same"),
    _case("Conv2D", "no bias", IMAGE, 3, 3, use_bias=False),
    _case("Conv2D", "any size", ANY_IMAGE, 3, 3, padding="same", strides=2),
    _case("Conv2D", "any size, dilated", ANY_IMAGE, 3, 3, padding="same", dilation_rate=2),
    _case("Conv2D", "channels first", FIRST, 3, 3, activation="softmax", **FIRST_FORMAT),
    _case("Conv2D", "channels first, same", FIRST, 3, 3, padding="same", **FIRST_FORMAT),
    _case("Conv2D", "channels first, dilated", FIRST, 3, 3, dilation_rate=2, **FIRST_FORMAT),
    _case("Conv2D", "groups", IMAGE, 6, 3, groups=2, strides=2),
    _case("Conv2D", "groups, dilated", IMAGE, 6, 3, groups=2, dilation_rate=2),
    _case("Conv2D", "as many groups", IMAGE, 8, 3, groups=4, padding="same"),
    _case("Conv2D", "as many groups, dilated", IMAGE, 8, 3, groups=4, dilation_rate=(1, 2)),
    _case("Conv2D", "as many groups, strides", IMAGE, 8, 3, groups=4, strides=(1, 2)),
    _case("Conv2D", "groups, channels first", FIRST, 8, 3, groups=2, **FIRST_FORMAT),
    _as_many("Conv2D", "columns", FIRST, 6),
    _case("Conv2D", "channels first, as many rows", FIRST, 7, 3, **FIRST_FORMAT),
    _case("Conv2D", "more dimensions", Input(2, 9, 8, 4), 3, 3, padding="same"),
    Case(
        "Conv2D",
        "sequential",
        IMAGE,
        lambda k, x: k.sequential(
            k.L.Conv2D(3, 3, activation="relu", input_shape=(9, 8, 4)),
            k.L.Conv2D(2, (2, 3), activation="tanh"),
            k.L.Flatten(),
            k.L.Dense(2),
        )(x),
    ),
]

CONV_3D = [
    _case("Conv3D", "valid", VOLUME, 3, 2),
    _case("Conv3D", "same", VOLUME, 3, (3, 2, 1), padding="same", activation="relu"),
    _case("Conv3D", "strides", VOLUME, 3, 2, strides=(1, 2, 2), padding="same"),
    _case("Conv3D", "dilated", VOLUME, 3, 2, dilation_rate=2),
    _case("Conv3D", "same, dilated", VOLUME, 3, (2, 3, 1), dilation_rate=2, padding="same"),
    _case("Conv3D", "no bias", VOLUME, 3, 2, use_bias=False),
    _case("Conv3D", "any size", ANY_VOLUME, 3, 2),
    _case("Conv3D", "any size, dilated", ANY_VOLUME, 3, 2, dilation_rate=2, padding="same"),
    _case("Conv3D", "channels first", FIRST_VOLUME, 3, 2, **FIRST_FORMAT),
    _case("Conv3D", "groups", VOLUME, 4, 2, groups=2),
]

DEPTHWISE = [
    _case("DepthwiseConv1D", "valid", LINE, 3),
    _case("DepthwiseConv1D", "strides", LINE, 3, strides=2, padding="same", depth_multiplier=2),
    _case("DepthwiseConv1D", "dilated", LINE, 3, dilation_rate=2, padding="same"),
    _case("DepthwiseConv1D", "any length, dilated", ANY_LINE, 3, dilation_rate=2),
    _case("DepthwiseConv1D", "channels first", Input(4, 9), 3, **FIRST_FORMAT),
    _case("DepthwiseConv2D", "valid", IMAGE, 3),
    _case("DepthwiseConv2D", "same", IMAGE, (3, 2), padding="same", activation="relu"),
    _case("DepthwiseConv2D", "strides", IMAGE, 3, strides=2, padding="same"),
    _case("DepthwiseConv2D", "multiplied", IMAGE, 3, depth_multiplier=3, strides=(2, 2)),
    _case("DepthwiseConv2D", "dilated", IMAGE, 3, dilation_rate=2),
    _case("DepthwiseConv2D", "same, dilated", IMAGE, 3, dilation_rate=(2, 2), padding="same"),
    _case("DepthwiseConv2D", "two dilations", IMAGE, 3, dilation_rate=(1, 2)),
    _case("DepthwiseConv2D", "no bias", IMAGE, 3, use_bias=False),
    _case("DepthwiseConv2D", "any size", ANY_IMAGE, 3, strides=2, padding="same"),
    _case("DepthwiseConv2D", "any size, dilated", ANY_IMAGE, 3, dilation_rate=2, padding="same"),
    _case("DepthwiseConv2D", "channels first", FIRST, 3, depth_multiplier=2, **FIRST_FORMAT),
]

SEPARABLE = [
    _case("SeparableConv1D", "valid", LINE, 3, 3),
    _case("SeparableConv1D", "same, strides", LINE, 3, 3, strides=2, padding="same"),
    _case("SeparableConv1D", "causal", LINE, 3, 3, padding="causal", dilation_rate=2),
    _case("SeparableConv1D", "multiplied", LINE, 3, 3, depth_multiplier=2, activation="tanh"),
    _case("SeparableConv1D", "dilated", LINE, 3, 3, dilation_rate=2, padding="same"),
    _case("SeparableConv1D", "channels first", Input(4, 9), 3, 3, **FIRST_FORMAT),
    _case("SeparableConv2D", "valid", IMAGE, 3, 3),
    _case("SeparableConv2D", "same, strides", IMAGE, 3, 3, strides=2, padding="same"),
    _case("SeparableConv2D", "multiplied", IMAGE, 3, 3, depth_multiplier=2, activation="relu"),
    _case("SeparableConv2D", "dilated", IMAGE, 3, 3, dilation_rate=2, padding="same"),
    _case("SeparableConv2D", "no bias", IMAGE, 3, (2, 3), use_bias=False),
    _case("SeparableConv2D", "any size, dilated", ANY_IMAGE, 3, 3, dilation_rate=2),
    _case("SeparableConv2D", "channels first", FIRST, 3, 3, **FIRST_FORMAT),
]

CASES = CONV_1D + CONV_2D + CONV_3D + DEPTHWISE + SEPARABLE
