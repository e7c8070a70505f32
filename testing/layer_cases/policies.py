"""Layers that compute in another dtype than float32.

Halves are multiplied here one by one: sums of their products are rounded differently by different
TensorFlows. Those before 2 cut a bfloat16 off where later ones round, and do not convolve them.
"""

from case import Case, Input

ONE = Input(1, scale=2.0)
STEPS = Input(3, 4, scale=0.5)
VECTOR = Input(4, scale=0.5)
IMAGE = Input(4, 4, 2, scale=0.5)
GREY = Input(4, 4, 1, scale=0.5)
WIDE = Input(4, dtype="float64")
SINGLE = "float32"
KNOWING = ("tf.keras", "tf_keras", "keras3")


def version(k):
    return tuple(int(n) for n in k.tf.__version__.split(".")[:2])


def policy(k, dtype):
    """A layer's `dtype`; before TensorFlow 2.4 a mixed one is no name."""
    if dtype.startswith("mixed") and k.flavour == "tf.keras" and version(k) < (2, 4):
        return k.K.mixed_precision.experimental.Policy(dtype)
    return dtype


def dense(k, x, dtype):
    return k.L.Dense(3, activation="relu", use_bias=False, dtype=dtype)(x)


def wide_dense(k, x, dtype):
    return k.L.Dense(3, activation="tanh", dtype=dtype)(x)


def batch(k, x, dtype):
    return k.L.BatchNormalization(dtype=dtype)(x)


def layer(k, x, dtype):
    return k.L.LayerNormalization(dtype=dtype)(x)


def added(k, x, dtype):
    return k.L.Add(dtype=dtype)([x, x])


def softmax(k, x, dtype):
    return k.L.Softmax(dtype=dtype)(x)


def relu(k, x, dtype):
    return k.L.ReLU(dtype=dtype)(x)


def convolution(k, x, dtype):
    return k.L.Conv2D(3, 1, activation="relu", use_bias=False, dtype=dtype)(x)


def wide_convolution(k, x, dtype):
    return k.L.Conv2D(3, 2, activation="relu", dtype=dtype)(x)


def attending(k, x, dtype):
    return k.L.MultiHeadAttention(2, 3, dtype=dtype)(x, x)


def head(k, x, dtype):
    """As models with mixed precision are made: the last layer is of float32."""
    inner = k.L.Dense(8, activation="relu", use_bias=False, dtype=dtype)(x)
    inner = k.L.BatchNormalization(dtype=dtype)(inner)
    return k.L.Dense(2, activation="softmax", dtype=SINGLE)(k.L.Add(dtype=dtype)([inner, inner]))


def of(name, build, given, dtype):
    def whole(k, x):
        if version(k) < (2, 3):
            raise ValueError("here a layer's dtype is not that of what it computes")
        result = build(k, x, policy(k, dtype))
        if dtype.endswith("bfloat16"):  # which no array of NumPy is
            result = k.L.Activation("linear", dtype=SINGLE)(result)
        return result

    return Case(name, dtype, given, whole, KNOWING)


CASES = [
    of(name, build, given, dtype)
    for name, build, given in (
        ("Dense", dense, ONE),
        ("BatchNormalization", batch, VECTOR),
        ("BatchNormalization of images", batch, IMAGE),
        ("Add", added, VECTOR),
        ("ReLU", relu, VECTOR),
        ("Conv2D", convolution, GREY),
        ("a model", head, ONE),
    )
    for dtype in ("float64", "mixed_float16", "float16")
]
CASES += [
    of("BatchNormalization", batch, VECTOR, "mixed_bfloat16"),
    of("BatchNormalization of images", batch, IMAGE, "mixed_bfloat16"),
    of("Add", added, VECTOR, "mixed_bfloat16"),
    of("ReLU", relu, VECTOR, "mixed_bfloat16"),
    of("Dense of many", wide_dense, VECTOR, "float64"),
    of("Dense of steps", wide_dense, STEPS, "float64"),
    of("Conv2D of many", wide_convolution, IMAGE, "float64"),
    of("Softmax", softmax, VECTOR, "float64"),
    of("Softmax", softmax, VECTOR, "mixed_float16"),
    of("LayerNormalization", layer, STEPS, "float64"),
    of("LayerNormalization", layer, STEPS, "mixed_float16"),
    of("MultiHeadAttention", attending, STEPS, "float64"),
    Case("Dense", "float64 throughout", WIDE, lambda k, x: k.L.Dense(3, dtype="float64")(x)),
    Case("Dense", "float32 after float64", WIDE, lambda k, x: k.L.Dense(3, dtype="float32")(x)),
    Case(
        "BatchNormalization",
        "float64 throughout",
        WIDE,
        lambda k, x: k.L.BatchNormalization(dtype="float64")(x),
    ),
    # Before TensorFlow 2, a dtype says nothing here.
    Case("Add", "float64 of old", VECTOR, lambda k, x: old(k, k.L.Add(dtype="float64"), [x, x])),
]


def old(k, made, x):
    if k.flavour == "tf.keras" and version(k) != (1, 12):
        raise ValueError("from 1.13 to 2.0 Kerases call themselves alike, and differ here")
    if k.flavour not in ("tf.keras", "keras"):
        raise ValueError("not old")
    return made(x)
