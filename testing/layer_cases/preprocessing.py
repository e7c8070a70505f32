"""Preprocessing layers without texts."""

from case import Case, Input

IMAGE = Input(6, 9, 3, scale=4.0)
BYTES = Input(6, 9, 3, dtype="uint8", high=256)
IDS = Input(5, dtype="int32", high=7)
ONE = Input(1, dtype="int32", high=7)
NUMBERS = Input(5, scale=3.0)
BOUNDS = [-1.5, 0.0, 0.5, 2.0]


def layer(k, name, *args, **kwargs):
    """A layer, where the Keras at hand has it."""
    found = getattr(k.L, name, None)
    if found is None:
        found = getattr(k.L.experimental.preprocessing, name)
    return found(*args, **kwargs)


def case(name, variant, inputs, *args, **kwargs):
    return Case(name, variant, inputs, lambda k, x: layer(k, name, *args, **kwargs)(x))


def then_scaled(name, *args, **kwargs):
    """Bytes, through a layer and scaled."""
    return Case(
        name,
        "bytes, scaled",
        BYTES,
        lambda k, x: layer(k, "Rescaling", 1 / 255.0)(layer(k, name, *args, **kwargs)(x)),
    )


CASES = [
    case("Rescaling", "scale", IMAGE, 0.5),
    case("Rescaling", "offset", IMAGE, scale=0.5, offset=-1.0),
    case("Rescaling", "by channel", IMAGE, scale=[0.5, 0.25, 2.0], offset=[0.0, 1.0, 2.0]),
    case("Rescaling", "bytes", BYTES, 1 / 255.0),
    case("Resizing", "down", IMAGE, 4, 5),
    case("Resizing", "up", IMAGE, 12, 13),
    case("Resizing", "twice", IMAGE, 12, 18),
    case("Resizing", "nearest", IMAGE, 4, 13, interpolation="nearest"),
    case("Resizing", "any size", Input(None, None, 3, ask=(7, 5, 3)), 6, 6),
    case(
        "Resizing",
        "any size nearest",
        Input(None, None, 3, ask=(7, 5, 3)),
        6,
        6,
        interpolation="nearest",
    ),
    case("Resizing", "aspect ratio", IMAGE, 5, 5, crop_to_aspect_ratio=True),
    case("Resizing", "bytes nearest", BYTES, 5, 5, interpolation="nearest"),
    case("CenterCrop", "even", IMAGE, 4, 3),
    case("CenterCrop", "odd", IMAGE, 3, 4),
    case("CenterCrop", "too small", IMAGE, 8, 4),
    case("RandomCrop", "wide", IMAGE, 4, 4),
    case("RandomCrop", "tall", Input(9, 6, 3), 4, 5),
    case("RandomFlip", "idle", IMAGE),
    case("RandomRotation", "idle", IMAGE, 0.2),
    case("RandomZoom", "idle", IMAGE, 0.2),
    case("RandomTranslation", "idle", IMAGE, 0.2, 0.2),
    case("RandomContrast", "idle", IMAGE, 0.2),
    case("RandomBrightness", "idle", IMAGE, 0.2),
    case("RandomHeight", "idle", IMAGE, 0.2),
    case("RandomWidth", "idle", IMAGE, 0.2),
    then_scaled("RandomFlip"),
    then_scaled("RandomContrast", 0.2),
    then_scaled("CenterCrop", 4, 4),
    case("CategoryEncoding", "multi hot", IDS, num_tokens=7, output_mode="multi_hot"),
    case("CategoryEncoding", "count", IDS, num_tokens=7, output_mode="count"),
    case("CategoryEncoding", "one hot", ONE, num_tokens=7, output_mode="one_hot"),
    case("CategoryEncoding", "binary, old", IDS, max_tokens=7, output_mode="binary"),
    case("CategoryEncoding", "count, old", IDS, max_tokens=7, output_mode="count"),
    case("Discretization", "int", NUMBERS, bin_boundaries=BOUNDS),
    case("Discretization", "old", NUMBERS, bins=BOUNDS),
    case("Discretization", "whole numbers", IDS, bin_boundaries=[1.0, 4.0]),
    case(
        "Discretization",
        "one hot",
        Input(1, scale=3.0),
        bin_boundaries=BOUNDS,
        output_mode="one_hot",
    ),
    case("Discretization", "count", NUMBERS, bin_boundaries=BOUNDS, output_mode="count"),
]
