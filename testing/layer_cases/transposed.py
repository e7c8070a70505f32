"""Transposed and locally connected convolutions."""

from case import Case, Input

LINE = Input(5, 4)
ANY_LINE = Input(None, 4, ask=(5, 4))
IMAGE = Input(5, 4, 3)
ANY_IMAGE = Input(None, None, 3, ask=(5, 4, 3))
FIRST = Input(3, 5, 4)
VOLUME = Input(3, 4, 2, 3)
ANY_VOLUME = Input(None, None, None, 3, ask=(3, 4, 2, 3))
FIRST_VOLUME = Input(3, 3, 4, 2)
FIRST_FORMAT = {"data_format": "channels_first"}
LONG = Input(9, 4)
LARGE = Input(7, 6, 3)


def _case(layer, variant, given, *args, **settings):
    return Case(layer, variant, given, lambda k, x: getattr(k.L, layer)(*args, **settings)(x))


def _strides(layer, given, any_given, first, rank):
    """What is the same in every number of dimensions."""
    return [
        _case(layer, "valid", given, 2, 3),
        _case(layer, "same", given, 2, 3, padding="same", activation="relu"),
        _case(layer, "strides", given, 2, 3, strides=2),
        _case(layer, "wide strides", given, 2, 2, strides=3),
        _case(layer, "same, strides", given, 2, 3, strides=2, padding="same"),
        _case(layer, "same, wide strides", given, 2, 2, strides=3, padding="same"),
        _case(layer, "even, same, strides", given, 2, 4, strides=2, padding="same"),
        _case(layer, "output padding", given, 2, 3, strides=2, output_padding=1),
        _case(
            layer,
            "output padding, same",
            given,
            *(2, 3),
            strides=2,
            padding="same",
            output_padding=1,
        ),
        _case(
            layer,
            "no output padding, same",
            given,
            *(2, 3),
            strides=2,
            padding="same",
            output_padding=0,
        ),
        _case(
            layer,
            "even, output padding, same",
            given,
            *(2, 4),
            strides=3,
            padding="same",
            output_padding=2,
        ),
        _case(layer, "dilated", given, 2, 3, dilation_rate=2),
        _case(layer, "same, dilated", given, 2, 3, dilation_rate=2, padding="same"),
        _case(layer, "even, same, dilated", given, 2, 2, dilation_rate=3, padding="same"),
        _case(layer, "no bias", given, 2, 3, use_bias=False),
        _case(layer, "any size", any_given, 2, 3, strides=2, padding="same"),
        _case(layer, "any size, valid", any_given, 2, 3, strides=2),
        _case(layer, "channels first", first, 2, 3, strides=2, **FIRST_FORMAT),
        _case(layer, "channels first, dilated", first, 2, 3, dilation_rate=2, **FIRST_FORMAT),
    ]


def _local(layer, given, first, size, strides):
    """What is the same in every number of dimensions."""
    made = [
        _case(layer, "valid", given, 2, size),
        _case(layer, "strides", given, 2, size, strides=strides, activation="tanh"),
        _case(layer, "no bias", given, 2, size, use_bias=False),
        _case(layer, "channels first", first, 2, size, **FIRST_FORMAT),
    ]
    for form in (2, 3):
        name = "implementation %d, " % form
        asked = {"implementation": form}
        made += [
            _case(layer, name + "valid", given, 2, size, strides=strides, **asked),
            _case(layer, name + "same", given, 2, size, padding="same", **asked),
            _case(
                layer, name + "same, strides", given, 2, size, strides=2, padding="same", **asked
            ),
            _case(
                layer,
                name + "channels first",
                first,
                *(2, size),
                padding="same",
                implementation=form,
                data_format="channels_first",
            ),
        ]
    return made


CASES = (
    _strides("Conv1DTranspose", LINE, ANY_LINE, Input(4, 5), 1)
    + _strides("Conv2DTranspose", IMAGE, ANY_IMAGE, FIRST, 2)
    + _strides("Conv3DTranspose", VOLUME, ANY_VOLUME, FIRST_VOLUME, 3)
    + [
        _case("Conv2DTranspose", "unlike", IMAGE, 2, (3, 2), strides=(1, 2), padding="same"),
        _case("Conv2DTranspose", "dilations of one", IMAGE, 2, 3, dilation_rate=(1, 1)),
    ]
    + _local("LocallyConnected1D", LONG, Input(4, 9), 3, 2)
    + _local("LocallyConnected2D", LARGE, Input(3, 7, 6), (3, 2), (2, 1))
)
