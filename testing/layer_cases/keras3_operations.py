"""Operations of Keras 3 on Keras tensors."""

import numpy as np

from case import Case, Input

VECTOR = Input(6, scale=2.0)
MATRIX = Input(4, 6)
IMAGE = Input(6, 8, 3)
IDS = Input(5, dtype="int32", high=4)
TWO = [Input(6), Input(6)]
ROW = np.arange(1, 7, dtype="float32") / 4
KERNEL = np.outer(ROW, ROW[:2]).astype("float32")

UNARY = (
    "abs absolute arcsinh arctan ceil cos cosh erf exp expm1 floor negative sign sin sinh"
    " square tan tanh isnan isfinite isinf round"
)
ABOVE_1 = "log log1p log2 log10 sqrt rsqrt reciprocal arccosh"
BINARY = (
    "add subtract multiply divide true_divide power maximum minimum floor_divide mod arctan2"
    " greater greater_equal less less_equal equal not_equal"
)
ACTIVATIONS = (
    "relu relu6 sigmoid softplus softsign soft_shrink silu squareplus log_sigmoid leaky_relu"
    " hard_sigmoid hard_silu elu selu gelu celu glu tanh_shrink hard_tanh hard_shrink softmax"
    " log_softmax sparse_plus sparse_sigmoid"
)
REDUCTIONS = "mean sum max min prod std var logsumexp norm amax amin"


def f(name, inputs, call):
    """A case of a function of keras.ops and its input."""
    return Case("keras3", name, inputs, lambda k, x: call(k.K.ops, x), only=("keras3",))


def several(name, names, inputs, change):
    """A case of functions that have one signature."""
    return f(
        name,
        inputs,
        lambda ops, x: [getattr(ops, each)(*change(ops, x)) for each in names.split()],
    )


def reduction(name):
    return f(
        name,
        MATRIX,
        lambda ops, x: [
            getattr(ops, name)(x, axis=-1),
            getattr(ops, name)(x, axis=(1, 2), keepdims=True),
        ],
    )


CASES = [
    several("unary", UNARY, VECTOR, lambda ops, x: [x]),
    several("within 1", "arcsin arccos arctanh", Input(6, scale=0.9), lambda ops, x: [x]),
    several("above 1", ABOVE_1, VECTOR, lambda ops, x: [ops.abs(x) + 1.25]),
    several("binary", BINARY, TWO, lambda ops, x: [ops.abs(x[0]), ops.abs(x[1]) + 0.5]),
    several("binary, number", BINARY, VECTOR, lambda ops, x: [ops.abs(x) + 1, 0.5]),
    several("binary, whole number", BINARY, IDS, lambda ops, x: [x, 2]),
    several("binary, float of whole", BINARY, IDS, lambda ops, x: [x, 1.5]),
    several("binary, whole and float", BINARY, [IDS, Input(5)], lambda ops, x: [x[0], x[1] + 2]),
    several("activations", ACTIVATIONS, Input(6, scale=3.0), lambda ops, x: [x]),
    several("of whole numbers", "exp sin mean sum max std var tanh", IDS, lambda ops, x: [x]),
]
CASES += [reduction(name) for name in REDUCTIONS.split()]
CASES += [
    f("x + 1", VECTOR, lambda ops, x: x + 1),
    f("1 - x", VECTOR, lambda ops, x: 1 - x),
    f("2 / x", VECTOR, lambda ops, x: 2 / (x + 3)),
    f("x ** 2", VECTOR, lambda ops, x: x**2),
    f("-x", VECTOR, lambda ops, x: -x),
    f("x // 0.3", VECTOR, lambda ops, x: x // 0.3),
    f("x % 0.3", VECTOR, lambda ops, x: x % 0.3),
    f("x @ numpy", VECTOR, lambda ops, x: x @ KERNEL),
    f("x * numpy", VECTOR, lambda ops, x: x * ROW),
    f("numpy - x", VECTOR, lambda ops, x: ops.subtract(ROW, x)),
    f("add two", TWO, lambda ops, x: x[0] + x[1]),
    f("add a column", Input(6, 6), lambda ops, x: x + ROW[:, None]),
    f("add a column, oblong", Input(6, 4), lambda ops, x: x + ROW[:, None]),
    f("add of rank 4", IMAGE, lambda ops, x: x + ROW[:3]),
    f("all, any", VECTOR, lambda ops, x: [ops.all(x > -1, axis=1), ops.any(x > 1, axis=1)]),
    f(
        "logical",
        TWO,
        lambda ops, x: ops.cast(
            ops.logical_or(
                ops.logical_and(x[0] > 0, ops.logical_not(x[1] > 0)),
                ops.logical_xor(x[0] > 0.5, x[1] > 0.5),
            ),
            "int32",
        ),
    ),
    f("where", VECTOR, lambda ops, x: ops.where(x > 0, x, 0.5)),
    f("clip", VECTOR, lambda ops, x: ops.clip(x, -0.5, 0.7)),
    f("round to decimals", VECTOR, lambda ops, x: ops.round(x, 1)),
    f("stop gradient", VECTOR, lambda ops, x: ops.stop_gradient(x) * 2),
    f("argmax", MATRIX, lambda ops, x: ops.argmax(x, axis=-1)),
    f("argmin, kept", MATRIX, lambda ops, x: ops.argmin(x, axis=1, keepdims=True)),
    f("count nonzero", IDS, lambda ops, x: ops.count_nonzero(x, axis=1)),
    f("norm, one", MATRIX, lambda ops, x: ops.norm(x, ord=1, axis=-1)),
    f("normalize", MATRIX, lambda ops, x: ops.normalize(x, axis=-1)),
    f("normalize, one", MATRIX, lambda ops, x: ops.normalize(x, axis=1, order=1)),
    f("moments", IMAGE, lambda ops, x: ops.moments(x, axes=[1, 2])),
    f("average", MATRIX, lambda ops, x: ops.average(x, axis=1)),
    f("cumsum", MATRIX, lambda ops, x: ops.cumsum(x, axis=1)),
    f("cumprod", MATRIX, lambda ops, x: ops.cumprod(x, axis=2)),
    f("top k", MATRIX, lambda ops, x: ops.top_k(x, 3)),
    f("sort", MATRIX, lambda ops, x: ops.sort(x, axis=1)),
    f("x[:, 1:3]", VECTOR, lambda ops, x: x[:, 1:3]),
    f("x[:, -1]", VECTOR, lambda ops, x: x[:, -1]),
    f("x[..., 0]", IMAGE, lambda ops, x: x[..., 0]),
    f("x[:, None]", VECTOR, lambda ops, x: x[:, None] * 2),
    f("x[:, ::-1]", VECTOR, lambda ops, x: x[:, ::-1]),
    f("x[:, 1::2, ..., :2]", IMAGE, lambda ops, x: x[:, 1::2, ..., :2]),
    f("reshape", VECTOR, lambda ops, x: ops.reshape(x, (-1, 2, 3))),
    f("transpose", IMAGE, lambda ops, x: ops.transpose(x, (0, 3, 1, 2))),
    f("expand, squeeze", VECTOR, lambda ops, x: ops.squeeze(ops.expand_dims(x, 1) * 2, axis=1)),
    f("expand twice", VECTOR, lambda ops, x: ops.expand_dims(x, (1, -1))),
    f("concatenate", TWO, lambda ops, x: ops.concatenate([x[0], x[1] * 2], axis=-1)),
    f("hstack, vstack", TWO, lambda ops, x: [ops.hstack(x), ops.vstack(x)]),
    f("stack", TWO, lambda ops, x: ops.stack(x, axis=1)),
    f("unstack", MATRIX, lambda ops, x: ops.unstack(x, axis=1)[2]),
    f("split", VECTOR, lambda ops, x: ops.split(x, 3, axis=1)),
    f("split at places", VECTOR, lambda ops, x: ops.split(x, [1, 4], axis=1)),
    f("tile", VECTOR, lambda ops, x: ops.tile(x, (1, 2))),
    f("repeat", MATRIX, lambda ops, x: ops.repeat(x, 2, axis=1)),
    f("flip", MATRIX, lambda ops, x: ops.flip(x, axis=1)),
    f("roll", MATRIX, lambda ops, x: ops.roll(x, 2, axis=1)),
    f("pad", MATRIX, lambda ops, x: ops.pad(x, [[0, 0], [1, 2], [0, 1]])),
    f("pad, value", MATRIX, lambda ops, x: ops.pad(x, [[0, 0], [1, 2], [0, 1]], "constant", 2)),
    f("pad, reflect", MATRIX, lambda ops, x: ops.pad(x, [[0, 0], [1, 2], [0, 1]], "reflect")),
    f("take", MATRIX, lambda ops, x: ops.take(x, np.array([2, 0, -1]), axis=1)),
    f("take by ids", [MATRIX, IDS], lambda ops, x: ops.take(x[0], x[1], axis=1)),
    f("swapaxes", IMAGE, lambda ops, x: ops.swapaxes(x, 1, -1)),
    f("moveaxis", IMAGE, lambda ops, x: ops.moveaxis(x, -1, 1)),
    f("zeros, ones like", VECTOR, lambda ops, x: x + ops.ones_like(x) - ops.zeros_like(x)),
    f("tril", MATRIX, lambda ops, x: ops.tril(x, 1)),
    f("triu", MATRIX, lambda ops, x: ops.triu(x, -1)),
    f("one hot", IDS, lambda ops, x: ops.one_hot(x, 4)),
    f("slice", MATRIX, lambda ops, x: ops.slice(x, [0, 1, 2], [1, 2, 3])),
    f("matmul", MATRIX, lambda ops, x: ops.matmul(x, ops.transpose(x, (0, 2, 1)))),
    f("matmul, kernel", MATRIX, lambda ops, x: ops.matmul(x, KERNEL)),
    f("matmul, vector", MATRIX, lambda ops, x: ops.matmul(x, ROW)),
    f("dot", MATRIX, lambda ops, x: ops.dot(x, KERNEL)),
    f("tensordot", MATRIX, lambda ops, x: ops.tensordot(x, KERNEL, axes=1)),
    f("einsum", MATRIX, lambda ops, x: ops.einsum("bij,bkj->bik", x, x)),
    f("einsum, heads", Input(3, 4, 5), lambda ops, x: ops.einsum("bhwc,bhvc->bhwv", x, x)),
    f("einsum, kernel", MATRIX, lambda ops, x: ops.einsum("...j,jk->...k", x, KERNEL)),
    f("max pool", IMAGE, lambda ops, x: ops.max_pool(x, 2, 2)),
    f("average pool", IMAGE, lambda ops, x: ops.average_pool(x, 3, 2, padding="same")),
    f("resize", IMAGE, lambda ops, x: ops.image.resize(x, (4, 11))),
    f("resize nearest", IMAGE, lambda ops, x: ops.image.resize(x, (9, 5), "nearest")),
    f("cast", VECTOR, lambda ops, x: ops.cast(x * 3, "int32")),
    Case(
        "keras3",
        "relu with arguments",
        VECTOR,
        lambda k, x: k.K.activations.relu(x, negative_slope=0.1, max_value=1.0, threshold=0.2),
        only=("keras3",),
    ),
    Case(
        "keras3",
        "with layers",
        VECTOR,
        lambda k, x: k.L.Dense(2)(k.K.ops.relu(k.L.Dense(6)(x)) + 0.5 * x),
        only=("keras3",),
    ),
    Case(
        "keras3",
        "and the layer Add",
        TWO,
        lambda k, x: k.L.Add()([x[0], x[1]]) + x[0],
        only=("keras3",),
    ),
]
