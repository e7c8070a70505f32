"""The layers of Keras 1 that slide over places, in both orders of dimensions."""

from case import Case, Input

LINE = Input(7, 3)
IMAGE = Input(6, 7, 3)
FIRST = Input(3, 6, 7)
VOLUME = Input(4, 5, 4, 2)
VOLUME_FIRST = Input(2, 4, 5, 4)


def _made(layer, inputs, *args, **kwargs):
    """A case of one layer, called after its arguments."""
    said = [str(arg) for arg in args] + ["%s=%s" % pair for pair in sorted(kwargs.items())]
    return Case(
        layer,
        ", ".join(said) or "plain",
        inputs,
        lambda k, x: getattr(k.L, layer)(*args, **kwargs)(x),
        only=("keras",),
    )


def _default_th(layer, inputs, *args, **kwargs):
    """A layer whose config does not say the order that it took from the writer's settings."""

    def build(k, x):
        k.K.backend.set_image_dim_ordering("th")
        try:
            channels = inputs.shape[0]
            whole = getattr(k.L, layer)(*args, **kwargs)(x)
            return k.L.Convolution2D(channels, 2, 2, border_mode="same")(whole)
        finally:
            k.K.backend.set_image_dim_ordering("tf")

    return Case(layer, "as the writer's settings say", inputs, build, only=("keras",))


CASES = [
    _made("Convolution1D", LINE, 4, 3),
    _made("Convolution1D", LINE, 4, 3, border_mode="same", subsample_length=2, activation="relu"),
    _made("Convolution1D", LINE, 4, 2, bias=False),
    _made("AtrousConvolution1D", LINE, 4, 3, atrous_rate=2),
    _made("AtrousConvolution1D", LINE, 4, 3, atrous_rate=2, border_mode="same"),
    _made("Convolution2D", IMAGE, 4, 3, 2),
    _made("Convolution2D", IMAGE, 4, 3, 2, border_mode="same", subsample=(2, 1)),
    _made("Convolution2D", IMAGE, 4, 2, 2, activation="tanh", bias=False),
    _made("Convolution2D", FIRST, 4, 3, 2, dim_ordering="th"),
    _made("Convolution2D", FIRST, 4, 3, 2, dim_ordering="th", border_mode="same"),
    _made("AtrousConvolution2D", IMAGE, 4, 3, 3, atrous_rate=(2, 2)),
    _made("AtrousConvolution2D", FIRST, 4, 2, 2, atrous_rate=(2, 2), dim_ordering="th"),
    _made("Convolution3D", VOLUME, 3, 2, 3, 2),
    _made("Convolution3D", VOLUME_FIRST, 3, 2, 3, 2, dim_ordering="th", subsample=(1, 2, 1)),
    _made("SeparableConvolution2D", IMAGE, 4, 3, 2),
    _made("SeparableConvolution2D", IMAGE, 4, 3, 3, depth_multiplier=2, subsample=(2, 2)),
    _made("SeparableConvolution2D", FIRST, 4, 3, 3, depth_multiplier=2, dim_ordering="th"),
    _made("Deconvolution2D", IMAGE, 4, 3, 3, (None, 8, 9, 4)),
    _made(
        "Deconvolution2D", IMAGE, 4, 3, 2, (None, 12, 13, 4), subsample=(2, 2), border_mode="same"
    ),
    _made(
        "Deconvolution2D", IMAGE, 4, 3, 3, (None, 14, 15, 4), subsample=(2, 2), activation="relu"
    ),
    _made("Deconvolution2D", FIRST, 4, 3, 3, (None, 4, 8, 9), dim_ordering="th"),
    _made("LocallyConnected1D", LINE, 4, 3),
    _made("LocallyConnected1D", LINE, 4, 3, subsample_length=2, bias=False),
    _made("LocallyConnected2D", IMAGE, 4, 3, 2, subsample=(2, 1)),
    _made("LocallyConnected2D", FIRST, 4, 3, 2, dim_ordering="th"),
    _made("ZeroPadding1D", LINE, 2),
    _made("ZeroPadding1D", LINE, (1, 3)),
    _made("ZeroPadding1D", LINE, {"left_pad": 1, "right_pad": 0}),
    _made("ZeroPadding2D", IMAGE, (1, 2)),
    _made("ZeroPadding2D", IMAGE, (1, 2, 3, 4)),
    _made("ZeroPadding2D", IMAGE, {"top_pad": 1, "right_pad": 2}),
    _made("ZeroPadding3D", VOLUME, (1, 2, 1)),
    _made("Cropping1D", LINE, (1, 2)),
    _made("Cropping2D", IMAGE, ((1, 0), (2, 1))),
    _made("Cropping3D", VOLUME, ((1, 0), (2, 1), (0, 1))),
    _made("UpSampling1D", LINE, 3),
    _made("UpSampling2D", IMAGE, (2, 3)),
    _made("UpSampling3D", VOLUME, (2, 1, 3)),
    _default_th("ZeroPadding2D", FIRST, (1, 2)),
    _default_th("Cropping2D", FIRST, ((1, 0), (2, 1))),
    _default_th("UpSampling2D", FIRST, (2, 3)),
]

for kind in ("Max", "Average"):
    CASES += [
        _made(kind + "Pooling1D", LINE),
        _made(kind + "Pooling1D", LINE, 3, stride=1, border_mode="same"),
        _made(kind + "Pooling2D", IMAGE),
        _made(kind + "Pooling2D", IMAGE, (3, 2), strides=(1, 2), border_mode="same"),
        _made(kind + "Pooling2D", FIRST, (3, 2), dim_ordering="th"),
        _made(kind + "Pooling3D", VOLUME),
        _made(kind + "Pooling3D", VOLUME_FIRST, (2, 3, 2), dim_ordering="th"),
        _made("Global%sPooling1D" % kind, LINE),
        _made("Global%sPooling2D" % kind, IMAGE),
        _made("Global%sPooling2D" % kind, FIRST, dim_ordering="th"),
    ]
