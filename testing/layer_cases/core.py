"""Dense, Embedding, shapes, activations."""

from case import Case, Input

VECTOR = Input(7, scale=3.0)
STEPS = Input(5, 4)
IDS = Input(6, dtype="int32", high=11, masked=2)

NAMES = (
    "linear relu elu selu softmax softplus softsign tanh sigmoid hard_sigmoid exponential"
    " swish silu gelu mish relu6 leaky_relu log_softmax celu hard_silu hard_tanh log_sigmoid glu"
    " tanh_shrink soft_shrink hard_shrink squareplus sparse_plus sparse_sigmoid hard_swish"
).split()

CASES = [
    Case("Dense", "vector", VECTOR, lambda k, x: k.L.Dense(5)(x)),
    Case("Dense", "no bias", VECTOR, lambda k, x: k.L.Dense(5, use_bias=False)(x)),
    Case("Dense", "steps", STEPS, lambda k, x: k.L.Dense(3, activation="tanh")(x)),
    Case(
        "Dense",
        "any number of steps",
        Input(None, 4, ask=(5, 4)),
        lambda k, x: k.L.Dense(3, activation="relu")(x),
    ),
    Case("Dense", "shared", VECTOR, lambda k, x: _twice(k.L.Dense(7, activation="tanh"), x)),
    Case("Flatten", "image", Input(3, 4, 2), lambda k, x: k.L.Flatten()(x)),
    Case(
        "Flatten",
        "channels first",
        Input(3, 4, 2),
        lambda k, x: k.L.Flatten(data_format="channels_first")(x),
    ),
    Case("Reshape", "all known", STEPS, lambda k, x: k.L.Reshape((2, 10))(x)),
    Case("Reshape", "the rest", STEPS, lambda k, x: k.L.Reshape((-1, 2))(x)),
    Case("Permute", "3", Input(3, 4, 2), lambda k, x: k.L.Permute((3, 1, 2))(x)),
    Case("RepeatVector", "4", VECTOR, lambda k, x: k.L.RepeatVector(4)(x)),
    Case("Embedding", "ids", IDS, lambda k, x: k.L.Embedding(11, 3)(x)),
    Case("Embedding", "float ids", Input(6, high=11), lambda k, x: k.L.Embedding(11, 3)(x)),
    Case(
        "Masking",
        "value",
        Input(5, 2, high=2),
        lambda k, x: k.L.Activation("tanh")(k.L.Masking(1.0)(x)),
    ),
    Case("Dropout", "idle", VECTOR, lambda k, x: k.L.Dense(2)(k.L.Dropout(0.5)(x))),
    Case("SpatialDropout1D", "idle", STEPS, lambda k, x: k.L.SpatialDropout1D(0.5)(x)),
    Case("SpatialDropout2D", "idle", Input(3, 4, 2), lambda k, x: k.L.SpatialDropout2D(0.5)(x)),
    Case("GaussianNoise", "idle", VECTOR, lambda k, x: k.L.GaussianNoise(0.5)(x)),
    Case("GaussianDropout", "idle", VECTOR, lambda k, x: k.L.GaussianDropout(0.5)(x)),
    Case("AlphaDropout", "idle", VECTOR, lambda k, x: k.L.AlphaDropout(0.5)(x)),
    Case(
        "ActivityRegularization",
        "idle",
        VECTOR,
        lambda k, x: k.L.ActivityRegularization(0.1)(x),
    ),
    Case(
        "Sequential",
        "nested",
        VECTOR,
        lambda k, x: k.sequential(k.L.Dense(4, input_shape=(7,), activation="relu"), k.L.Dense(3))(
            x
        ),
    ),
]


def _twice(layer, x):
    return layer(layer(x))


def _activation(name):
    return Case("Activation", name, Input(6, scale=4.0), lambda k, x: k.L.Activation(name)(x))


CASES += [_activation(name) for name in NAMES]
