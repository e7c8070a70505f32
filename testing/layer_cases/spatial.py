"""Cropping, padding, repeating places."""

from case import Case, Input

LINE = Input(9, 4)
ANY_LINE = Input(None, 4, ask=(9, 4))
IMAGE = Input(5, 6, 2)
ANY_IMAGE = Input(None, None, 2, ask=(5, 6, 2))
FIRST = Input(2, 5, 6)
VOLUME = Input(5, 6, 4, 2)
ANY_VOLUME = Input(None, None, None, 2, ask=(5, 6, 4, 2))
FIRST_VOLUME = Input(2, 5, 6, 4)
FIRST_FORMAT = {"data_format": "channels_first"}


def _case(layer, variant, given, *args, **settings):
    return Case(layer, variant, given, lambda k, x: getattr(k.L, layer)(*args, **settings)(x))


def _resized(variant, given, *args, **settings):
    """Files of a Keras that leaves the interpolation out, as tf.keras 1.14 does, are refused."""

    def build(k, x):
        layer = k.L.UpSampling2D(*args, **settings)
        known = "interpolation" in layer.get_config()
        if not known and getattr(layer, "interpolation", None) is not None:
            raise LookupError("this Keras does not save the interpolation")
        return layer(x)

    return Case("UpSampling2D", variant, given, build)


SIDES = ((1, 2), (0, 1))
SIDES_3D = ((1, 2), (0, 1), (1, 0))

CASES = [
    _case("Cropping1D", "alone", LINE),
    _case("Cropping1D", "one", LINE, 2),
    _case("Cropping1D", "two", LINE, (0, 3)),
    _case("Cropping1D", "any length", ANY_LINE, (1, 3)),
    _case("Cropping2D", "one", IMAGE, 1),
    _case("Cropping2D", "two", IMAGE, (1, 2)),
    _case("Cropping2D", "sides", IMAGE, SIDES),
    _case("Cropping2D", "none", IMAGE, ((0, 0), (0, 0))),
    _case("Cropping2D", "any size", ANY_IMAGE, SIDES),
    _case("Cropping2D", "channels first", FIRST, SIDES, **FIRST_FORMAT),
    _case("Cropping3D", "alone", VOLUME),
    _case("Cropping3D", "sides", VOLUME, SIDES_3D),
    _case("Cropping3D", "any size", ANY_VOLUME, SIDES_3D),
    _case("Cropping3D", "channels first", FIRST_VOLUME, SIDES_3D, **FIRST_FORMAT),
    _case("ZeroPadding1D", "alone", LINE),
    _case("ZeroPadding1D", "two", LINE, (0, 3)),
    _case("ZeroPadding1D", "any length", ANY_LINE, 2),
    _case("ZeroPadding1D", "channels first", Input(4, 9), 2, **FIRST_FORMAT),
    _case("ZeroPadding2D", "alone", IMAGE),
    _case("ZeroPadding2D", "two", IMAGE, (1, 2)),
    _case("ZeroPadding2D", "sides", IMAGE, SIDES),
    _case("ZeroPadding2D", "none", IMAGE, 0),
    _case("ZeroPadding2D", "any size", ANY_IMAGE, SIDES),
    _case("ZeroPadding2D", "channels first", FIRST, SIDES, **FIRST_FORMAT),
    _case("ZeroPadding3D", "alone", VOLUME),
    _case("ZeroPadding3D", "sides", VOLUME, SIDES_3D),
    _case("ZeroPadding3D", "any size", ANY_VOLUME, SIDES_3D),
    _case("ZeroPadding3D", "channels first", FIRST_VOLUME, SIDES_3D, **FIRST_FORMAT),
    _case("UpSampling1D", "alone", LINE),
    _case("UpSampling1D", "thrice", LINE, 3),
    _case("UpSampling1D", "any length", ANY_LINE, 3),
    _resized("alone", IMAGE),
    _resized("unlike", IMAGE, (3, 1)),
    _resized("any size", ANY_IMAGE, (2, 3)),
    _resized("channels first", FIRST, (2, 3), **FIRST_FORMAT),
    _resized("bilinear", IMAGE, 2, interpolation="bilinear"),
    _resized("bilinear, odd", IMAGE, 3, interpolation="bilinear"),
    _resized("bilinear, unlike", IMAGE, (4, 1), interpolation="bilinear"),
    _resized("bilinear, any size", ANY_IMAGE, (2, 5), interpolation="bilinear"),
    _resized("bilinear, one place", Input(1, 1, 2), 3, interpolation="bilinear"),
    _resized(
        "bilinear, channels first",
        FIRST,
        (2, 3),
        interpolation="bilinear",
        data_format="channels_first",
    ),
    _case("UpSampling3D", "alone", VOLUME),
    _case("UpSampling3D", "unlike", VOLUME, (1, 3, 2)),
    _case("UpSampling3D", "any size", ANY_VOLUME, (1, 3, 2)),
    _case("UpSampling3D", "channels first", FIRST_VOLUME, (1, 3, 2), **FIRST_FORMAT),
]
