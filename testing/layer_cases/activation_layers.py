"""ReLU, LeakyReLU, PReLU, ELU, ThresholdedReLU, Softmax."""

from case import Case, Input

VECTOR = Input(12, scale=4.0)
STEPS = Input(5, 4, scale=4.0)
IMAGE = Input(3, 4, 5, scale=4.0)
IDS = Input(6, dtype="int32", high=11, masked=2)


def of(name, variant, given, *arguments, **named):
    def build(k, x):
        return getattr(k.L, name)(*arguments, **named)(x)

    return Case(name, variant, given, build)


def masked_softmax(k, x):
    """Softmax of steps that have a mask of their own shape."""
    steps = k.L.Embedding(11, 6, mask_zero=True)(x)
    return k.L.GlobalAveragePooling1D()(k.L.Softmax()(steps))


def given_mask(k, x):
    values, mask = x
    return k.L.Softmax()(values, mask=mask)


def given_axes(k, x):
    values, mask = x
    return k.L.Softmax(axis=[1, 2])(values, mask=mask)


CASES = [
    of("ReLU", "plain", VECTOR),
    of("ReLU", "limit", VECTOR, max_value=2.5),
    of("ReLU", "6", VECTOR, max_value=6.0),
    of("ReLU", "slope", VECTOR, negative_slope=0.1),
    Case(
        "ReLU",
        "steep slope",
        VECTOR,
        lambda k, x: k.L.ReLU(negative_slope=1.5)(x),
        ("tf_keras", "keras3"),  # others are refused
    ),
    of("ReLU", "threshold", VECTOR, threshold=1.0),
    of("ReLU", "slope, threshold", VECTOR, negative_slope=0.2, threshold=1.0),
    of("ReLU", "all", VECTOR, max_value=3.0, negative_slope=0.2, threshold=1.0),
    of("ReLU", "6 and slope", VECTOR, max_value=6.0, negative_slope=0.2),
    of("LeakyReLU", "default", VECTOR),
    of("LeakyReLU", "slope", VECTOR, 0.05),
    of("LeakyReLU", "no slope", VECTOR, 0.0),
    of("PReLU", "vector", VECTOR),
    of("PReLU", "steps", STEPS),
    of("PReLU", "shared", IMAGE, shared_axes=[1, 2]),
    of(
        "PReLU",
        "any image",
        Input(None, None, 5, ask=(3, 4, 5), scale=4.0),
        shared_axes=[1, 2],
    ),
    of("ELU", "default", VECTOR),
    of("ELU", "alpha", STEPS, 0.3),
    of("ThresholdedReLU", "default", VECTOR),
    of("ThresholdedReLU", "theta", VECTOR, 0.5),
    of("Softmax", "default", STEPS),
    of("Softmax", "first", STEPS, axis=1),
    of("Softmax", "axes", IMAGE, axis=[1, 2]),
    of("Softmax", "one axis", IMAGE, axis=[2]),
    Case("Softmax", "given a mask", [STEPS, Input(5, 4, high=2)], given_mask),
    Case("Softmax", "given a mask for axes", [STEPS, Input(5, 4, high=2)], given_axes),
    Case(
        "Softmax",
        "masked throughout",
        [STEPS, Input(1, 4, high=1)],
        given_mask,
    ),
    Case("Dense", "with a layer", VECTOR, lambda k, x: k.L.Dense(4, activation=k.L.ELU(0.5))(x)),
]
