"""Pooling over windows and over all places."""

from case import Case, Input

LINE = Input(9, 4)
ANY_LINE = Input(None, 4, ask=(9, 4))
IMAGE = Input(9, 8, 4)
ANY_IMAGE = Input(None, None, 4, ask=(9, 8, 4))
VOLUME = Input(6, 7, 5, 4)
ANY_VOLUME = Input(None, None, None, 4, ask=(6, 7, 5, 4))
IDS = Input(6, dtype="int32", high=9, masked=2)
FIRST_FORMAT = {"data_format": "channels_first"}


def _case(layer, variant, given, **settings):
    return Case(layer, variant, given, lambda k, x: getattr(k.L, layer)(**settings)(x))


def _first(layer, variant, given, padding):
    """Images with channels first are left out where TensorFlow 2 pools them in that layout: with
    oneDNN `predict` of TensorFlow 2.15 gives one of two answers to the same question by chance
    (measured: off by 1.1 to 1.4 in about half of 8 calls, never when called eagerly), and without
    it there is no such kernel for processors. These two move the channels first.
    """
    made = _case(layer, variant, given, pool_size=2, padding=padding, **FIRST_FORMAT)
    made.only = ("keras", "keras3") if layer.endswith("Pooling2D") else ()
    return made


def _windows(layer, given, any_given, first):
    return [
        _case(layer, "alone", given, pool_size=2),
        _case(layer, "window", given, pool_size=3),
        _case(layer, "strides", given, pool_size=3, strides=2),
        _case(layer, "same", given, pool_size=3, padding="same"),
        _case(layer, "same, strides", given, pool_size=3, strides=2, padding="same"),
        _case(layer, "any size", any_given, pool_size=2, padding="same"),
        _first(layer, "channels first", first, padding="valid"),
        _first(layer, "channels first, same", first, padding="same"),
    ]


def _whole(layer, given, any_given, first):
    return [
        _case(layer, "alone", given),
        _case(layer, "any size", any_given),
        _case(layer, "kept", given, keepdims=True),
        _case(layer, "channels first", first, **FIRST_FORMAT),
        _case(layer, "channels first, kept", first, keepdims=True, **FIRST_FORMAT),
    ]


LINES = (LINE, ANY_LINE, Input(4, 9))
IMAGES = (IMAGE, ANY_IMAGE, Input(4, 9, 8))
VOLUMES = (VOLUME, ANY_VOLUME, Input(4, 6, 7, 5))

CASES = [
    case
    for kind in ("Max", "Average")
    for rank, inputs in enumerate((LINES, IMAGES, VOLUMES), start=1)
    for made in (
        _windows("%sPooling%dD" % (kind, rank), *inputs),
        _whole("Global%sPooling%dD" % (kind, rank), *inputs),
    )
    for case in made
] + [
    Case(
        "GlobalAveragePooling1D",
        "masked",
        IDS,
        lambda k, x: k.L.GlobalAveragePooling1D()(k.L.Embedding(9, 4, mask_zero=True)(x)),
    ),
    Case(
        "GlobalAveragePooling1D",
        "masked, kept",
        IDS,
        lambda k, x: k.L.GlobalAveragePooling1D(keepdims=True)(
            k.L.Embedding(9, 4, mask_zero=True)(x)
        ),
    ),
    Case(
        "GlobalMaxPooling1D",
        "masked",
        IDS,
        lambda k, x: k.L.GlobalMaxPooling1D()(k.L.Embedding(9, 4, mask_zero=True)(x)),
    ),
    Case(
        "MaxPooling2D",
        "unlike",
        IMAGE,
        lambda k, x: k.L.MaxPooling2D(pool_size=(2, 3), strides=(1, 2))(x),
    ),
    Case(
        "AveragePooling2D",
        "unlike, same",
        IMAGE,
        lambda k, x: k.L.AveragePooling2D(pool_size=(4, 3), strides=(1, 2), padding="same")(x),
    ),
]
