"""The layers of Keras 1 that have no places and no steps of their own."""

from case import Case, Input

ONLY = ("keras",)
VECTOR = Input(7, scale=3.0)
STEPS = Input(5, 4)
IDS = Input(6, dtype="int32", high=11, masked=2)
IMAGE = Input(4, 5, 3)


def _case(layer, variant, inputs, build):
    return Case(layer, variant, inputs, build, only=ONLY)


CASES = [
    _case("Dense", "vector", VECTOR, lambda k, x: k.L.Dense(5, activation="tanh")(x)),
    _case("Dense", "no bias", VECTOR, lambda k, x: k.L.Dense(5, bias=False)(x)),
    _case("Dense", "frozen", VECTOR, lambda k, x: k.L.Dense(5, trainable=False)(x)),
    _case("TimeDistributedDense", "steps", STEPS, lambda k, x: k.L.TimeDistributedDense(3)(x)),
    _case("MaxoutDense", "of 3", VECTOR, lambda k, x: k.L.MaxoutDense(4, nb_feature=3)(x)),
    _case("MaxoutDense", "no bias", VECTOR, lambda k, x: k.L.MaxoutDense(4, bias=False)(x)),
    _case("Highway", "tanh", VECTOR, lambda k, x: k.L.Highway(activation="tanh")(x)),
    _case("Highway", "no bias", VECTOR, lambda k, x: k.L.Highway(bias=False)(x)),
    _case("Embedding", "ids", IDS, lambda k, x: k.L.Embedding(11, 3)(x)),
    _case("Embedding", "dropout", IDS, lambda k, x: k.L.Embedding(11, 3, dropout=0.5)(x)),
    _case("Flatten", "image", IMAGE, lambda k, x: k.L.Flatten()(x)),
    _case("Reshape", "the rest", STEPS, lambda k, x: k.L.Reshape((-1, 2))(x)),
    _case("Permute", "3", IMAGE, lambda k, x: k.L.Permute((3, 1, 2))(x)),
    _case("RepeatVector", "4", VECTOR, lambda k, x: k.L.RepeatVector(4)(x)),
    _case("Masking", "value", Input(5, 2, high=2), lambda k, x: k.L.Masking(1.0)(x)),
    _case("Dropout", "idle", VECTOR, lambda k, x: k.L.Dense(2)(k.L.Dropout(0.5)(x))),
    _case("SpatialDropout2D", "idle", IMAGE, lambda k, x: k.L.SpatialDropout2D(0.5)(x)),
    _case("GaussianNoise", "idle", VECTOR, lambda k, x: k.L.GaussianNoise(0.5)(x)),
    _case("GaussianDropout", "idle", VECTOR, lambda k, x: k.L.GaussianDropout(0.5)(x)),
    _case(
        "ActivityRegularization",
        "idle",
        VECTOR,
        lambda k, x: k.L.ActivityRegularization()(k.L.Dense(3)(x)),
    ),
    _case("LeakyReLU", "0.2", VECTOR, lambda k, x: k.L.LeakyReLU(0.2)(x)),
    _case("PReLU", "each", IMAGE, lambda k, x: k.L.PReLU()(x)),
    _case("PReLU", "shared", IMAGE, lambda k, x: k.L.PReLU(shared_axes=[1, 2])(x)),
    _case("ELU", "0.5", VECTOR, lambda k, x: k.L.ELU(0.5)(x)),
    _case("ThresholdedReLU", "0.7", VECTOR, lambda k, x: k.L.ThresholdedReLU(0.7)(x)),
    _case("ParametricSoftplus", "each", VECTOR, lambda k, x: k.L.ParametricSoftplus()(x)),
    _case("SReLU", "each", VECTOR, lambda k, x: k.L.SReLU()(x)),
    _case("SReLU", "shared", IMAGE, lambda k, x: k.L.SReLU(shared_axes=[1, 2])(x)),
    _case("BatchNormalization", "mode 0", VECTOR, lambda k, x: k.L.BatchNormalization()(x)),
    _case("BatchNormalization", "image", IMAGE, lambda k, x: k.L.BatchNormalization()(x)),
    _case("BatchNormalization", "axis 1", IMAGE, lambda k, x: k.L.BatchNormalization(axis=1)(x)),
    _case("BatchNormalization", "mode 1", STEPS, lambda k, x: k.L.BatchNormalization(mode=1)(x)),
    _case("BatchNormalization", "mode 2", VECTOR, lambda k, x: k.L.BatchNormalization(mode=2)(x)),
    _case(
        "BatchNormalization",
        "mode 2, axis 1",
        IMAGE,
        lambda k, x: k.L.BatchNormalization(mode=2, axis=1)(x),
    ),
    _case(
        "BatchNormalization",
        "small epsilon",
        IMAGE,
        lambda k, x: k.L.BatchNormalization(epsilon=1e-6)(x),
    ),
]


def _activation(name):
    def build(k, x):
        # Not of the input itself: "linear" gives it back, and takes its place in the config.
        return k.L.Activation(name)(k.L.UpSampling1D(1)(x))

    return _case("Activation", name, Input(3, 6, scale=4.0), build)


NAMES = "linear relu elu softmax softplus softsign tanh sigmoid hard_sigmoid".split()
CASES += [_activation(name) for name in NAMES]


def _merged(mode, inputs, **kwargs):
    def build(k, xs):
        return k.L.merge(xs, mode=mode, **kwargs)

    variant = ", ".join([mode] + ["%s %s" % pair for pair in sorted(kwargs.items())])
    rank = len(inputs[0].shape) + 1
    return _case("Merge", "%s of rank %d" % (variant, rank), inputs, build)


PAIR = [Input(5), Input(5)]
MATRICES = [Input(4, 3), Input(4, 3)]
CASES += [_merged(mode, [Input(5)] * 3) for mode in ("sum", "mul", "ave", "max", "concat")]
CASES += [_merged(mode, MATRICES) for mode in ("sum", "dot")]
CASES += [
    _merged("concat", [Input(4, 3), Input(2, 3)], concat_axis=1),
    _merged("dot", PAIR),
    _merged("dot", MATRICES, dot_axes=1),
    _merged("dot", [Input(4, 3), Input(3, 2)], dot_axes=[2, 1]),
    _merged("cos", PAIR),
]
