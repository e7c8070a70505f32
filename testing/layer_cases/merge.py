"""Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate, Dot, and their masks."""

from case import Case, Input

ALIKE = [Input(5, 4), Input(5, 4)]
THREE = [Input(5, 4), Input(5, 4), Input(5, 4)]
RANKS = [Input(5, 4), Input(4)]
WIDE = [Input(3, 1, 4), Input(3, 5, 1)]
IMAGES = [Input(3, 4, 5), Input(3, 4, 5)]
IDS = [Input(6, dtype="int32", high=11, masked=3), Input(6, dtype="int32", high=11, masked=1)]
PAIRS = ("Add", "Multiply", "Average", "Maximum", "Minimum")


def merged(name, variant, inputs):
    return Case(name, variant, inputs, lambda k, x: getattr(k.L, name)()(x))


def joined(variant, inputs, **arguments):
    return Case("Concatenate", variant, inputs, lambda k, x: k.L.Concatenate(**arguments)(x))


def dot(variant, inputs, axes, **arguments):
    return Case("Dot", variant, inputs, lambda k, x: k.L.Dot(axes, **arguments)(x))


def embedded(k, x, masks=(True, True)):
    """The inputs as steps, of which some are masked."""
    return [
        k.L.Embedding(11, 4, mask_zero=mask, name="embedded_%d" % i)(t)
        for i, (t, mask) in enumerate(zip(x, masks))
    ]


def seen(k, x):
    """What shows a mask."""
    return k.L.SimpleRNN(3)(x)


def masked(name, masks=(True, True), **arguments):
    def build(k, x):
        return seen(k, getattr(k.L, name)(**arguments)(embedded(k, x, masks)))

    said = " ".join("masked" if mask else "not" for mask in masks)
    axis = " along %d" % arguments["axis"] if arguments else ""
    return Case(name, "%s%s" % (said, axis), IDS, build)


def bare(name, masks=(True, True)):
    """The values themselves, masked steps included."""
    said = " ".join("masked" if mask else "not" for mask in masks)
    return Case(
        name,
        "values, " + said,
        IDS,
        lambda k, x: getattr(k.L, name)()(embedded(k, x, masks)),
    )


CASES = (
    [merged(name, "alike", ALIKE) for name in PAIRS + ("Subtract",)]
    + [merged(name, "three", THREE) for name in PAIRS]
    + [merged(name, "ranks", RANKS) for name in PAIRS + ("Subtract",)]
    + [merged(name, "dimensions of 1", WIDE) for name in PAIRS]
    + [masked(name) for name in PAIRS + ("Subtract",)]
    + [masked(name, (True, False)) for name in PAIRS]
    + [bare(name) for name in PAIRS]
    + [bare(name, (False, True)) for name in PAIRS]
    + [
        joined("last", [Input(5, 4), Input(5, 2)]),
        joined("first", [Input(5, 4), Input(3, 4), Input(1, 4)], axis=1),
        joined("images", [Input(3, 4, 5), Input(3, 2, 5)], axis=2),
        joined("any number", [Input(None, 4, ask=(5, 4)), Input(None, 4, ask=(3, 4))], axis=1),
        masked("Concatenate"),
        masked("Concatenate", (True, False)),
        masked("Concatenate", axis=1),
        masked("Concatenate", (True, False), axis=1),
        dot("vectors", [Input(4), Input(4)], 1),
        dot("last of vectors", [Input(4), Input(4)], -1),
        dot("cosine", [Input(4), Input(4)], 1, normalize=True),
        dot("short cosine", [Input(4, scale=1e-7), Input(4)], 1, normalize=True),
        dot("steps 2 2", [Input(5, 4), Input(3, 4)], 2),
        dot("steps 1 1", [Input(5, 4), Input(5, 3)], 1),
        dot("steps 2 1", [Input(5, 4), Input(4, 3)], (2, 1)),
        dot("steps 1 2", [Input(4, 5), Input(3, 4)], (1, 2)),
        dot("steps -1 -2", [Input(5, 4), Input(4, 3)], (-1, -2)),
        dot("any steps", [Input(None, 4, ask=(5, 4)), Input(None, 4, ask=(3, 4))], 2),
        dot("normalized steps", [Input(5, 4), Input(3, 4)], 2, normalize=True),
        dot("vector and steps", [Input(4), Input(5, 4)], (1, 2)),
        dot("vector and steps 1", [Input(5), Input(5, 4)], (1, 1)),
        dot("steps and vector", [Input(5, 4), Input(4)], (2, 1)),
        dot("steps and vector 1", [Input(5, 4), Input(5)], (1, 1)),
        dot("images", IMAGES, 3),
        dot("images -1", IMAGES, -1),
        dot("images 2", IMAGES, 2),
        dot("images 1", IMAGES, 1),
        dot("images 3 2", [Input(3, 4, 5), Input(3, 5, 2)], (3, 2)),
        dot("images 2 1", [Input(3, 4, 5), Input(4, 2, 3)], (2, 1)),
        dot("square images", [Input(3, 3, 3), Input(3, 3, 3)], (1, 1)),
        dot("image and steps", [Input(3, 4, 5), Input(5, 2)], (3, 1)),
        dot("image and vector", [Input(3, 4, 5), Input(5)], (3, 1)),
        dot("steps and image", [Input(3, 5), Input(5, 2, 4)], (2, 1)),
    ]
)
