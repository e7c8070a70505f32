"""TensorFlow's functions on Keras tensors, of TensorFlow 1.15 and later: TensorFlowOpLayer in
tf.keras up to TensorFlow 2.3, TFOpLambda after that.
"""

import numpy as np

from case import Case, Input

ONLY = ("tf.keras", "tf_keras")
VECTOR = Input(6, scale=2.0)
MATRIX = Input(4, 6)
IMAGE = Input(6, 8, 3)
IDS = Input(5, dtype="int32", high=4)
TWO = [Input(6), Input(6)]
ROW = np.arange(1, 7, dtype="float32") / 4


def case(name, inputs, build):
    return Case("operations", name, inputs, build, only=ONLY)


def saves_calls(tf):
    """Whether Keras tensors' calls are saved as TFOpLambda."""
    return tuple(int(n) for n in tf.__version__.split(".")[:2]) >= (2, 4)


def f(name, inputs, call):
    """A case of a function of tf and its input."""
    return case(name, inputs, lambda k, x: call(k.tf, x))


UNARY = (
    "abs atan ceil cos cosh sinh erf exp expm1 floor negative rint sigmoid sign sin softplus"
    " square tan tanh softsign asinh is_nan is_finite"
)
POSITIVE = "log log1p sqrt rsqrt reciprocal lgamma digamma acosh"
BINARY = (
    "add subtract multiply divide truediv floordiv floormod maximum minimum squared_difference"
    " atan2 pow divide_no_nan greater greater_equal less less_equal equal not_equal xdivy xlogy"
)
REDUCTIONS = "sum mean max min prod variance std logsumexp euclidean_norm"


def several(name, names, inputs, change=lambda tf, x: x):
    """A case of functions of tf.math that have one signature."""
    return f(
        name,
        inputs,
        lambda tf, x: [getattr(tf.math, each)(*change(tf, x)) for each in names.split()],
    )


def reduction(name):
    return f(
        "reduce " + name,
        MATRIX,
        lambda tf, x: [
            getattr(tf.math, "reduce_" + name)(x, axis=-1),
            getattr(tf.math, "reduce_" + name)(x, axis=[1, 2], keepdims=True),
        ],
    )


def einsum(name, inputs, equation):
    """From TensorFlow 2.4 on the file does not say what an einsum is of."""

    def build(k, x):
        if saves_calls(k.tf):
            raise NotImplementedError("TFOpLambda forgets the tensors of an einsum")
        return k.tf.einsum(equation, x, x)

    return case(name, inputs, build)


CASES = [
    several("unary", UNARY, Input(6, scale=3.0), lambda tf, x: [x]),
    several("within 1", "acos asin", Input(6, scale=0.9), lambda tf, x: [x]),
    several("above 1", POSITIVE, VECTOR, lambda tf, x: [tf.abs(x) + 1.25]),
    several("binary", BINARY, TWO, lambda tf, x: [tf.abs(x[0]), tf.abs(x[1]) + 0.5]),
]
CASES += [reduction(name) for name in REDUCTIONS.split()]
CASES += [
    f("x + 1", VECTOR, lambda tf, x: x + 1),
    f("1 - x", VECTOR, lambda tf, x: 1 - x),
    f("2 / x", VECTOR, lambda tf, x: 2 / (x + 3)),
    f("x ** 2", VECTOR, lambda tf, x: x**2),
    f("-x", VECTOR, lambda tf, x: -x),
    f("x // 0.3", VECTOR, lambda tf, x: x // 0.3),
    f("x % 0.3", VECTOR, lambda tf, x: x % 0.3),
    f("x * numpy", VECTOR, lambda tf, x: x * ROW),
    f("numpy - x", VECTOR, lambda tf, x: tf.subtract(tf.constant(ROW), x)),
    f("whole numbers", IDS, lambda tf, x: (x * 3 + 1) // 2),
    f("whole numbers divided", IDS, lambda tf, x: tf.cast(x / 4, "float32")),
    f("x > 0", VECTOR, lambda tf, x: tf.cast(x > 0, "float32")),
    f(
        "logical",
        TWO,
        lambda tf, x: tf.cast(
            tf.logical_or(
                tf.logical_and(x[0] > 0, tf.logical_not(x[1] > 0)),
                tf.math.logical_xor(x[0] > 0.5, x[1] > 0.5),
            ),
            "int32",
        ),
    ),
    f("all, any", VECTOR, lambda tf, x: [tf.reduce_all(x > -1, 1), tf.reduce_any(x > 1, 1)]),
    f("round", VECTOR, lambda tf, x: tf.round(x)),
    f("relu", VECTOR, lambda tf, x: tf.nn.relu(x)),
    f("relu6", VECTOR, lambda tf, x: tf.nn.relu6(x * 4)),
    f("elu", VECTOR, lambda tf, x: tf.nn.elu(x)),
    f("selu", VECTOR, lambda tf, x: tf.nn.selu(x)),
    f("leaky relu", VECTOR, lambda tf, x: tf.nn.leaky_relu(x, 0.3)),
    f("leaky relu, steep", VECTOR, lambda tf, x: tf.nn.leaky_relu(x, alpha=1.5)),
    f("gelu", VECTOR, lambda tf, x: tf.nn.gelu(x)),
    f("gelu, approximate", VECTOR, lambda tf, x: tf.nn.gelu(x, approximate=True)),
    f("swish", VECTOR, lambda tf, x: tf.nn.swish(x)),
    f("crelu", VECTOR, lambda tf, x: tf.nn.crelu(x)),
    f("log sigmoid", VECTOR, lambda tf, x: tf.math.log_sigmoid(x)),
    f("softmax", MATRIX, lambda tf, x: tf.nn.softmax(x)),
    f("softmax, axis", MATRIX, lambda tf, x: tf.nn.softmax(x, axis=1)),
    f("log softmax", MATRIX, lambda tf, x: tf.nn.log_softmax(x, axis=1)),
    f("clip", VECTOR, lambda tf, x: tf.clip_by_value(x, -0.5, 0.7)),
    f("add_n", TWO, lambda tf, x: tf.add_n([x[0], x[1], x[0]])),
    f("where", TWO, lambda tf, x: tf.where(x[0] > 0, x[0], x[1] * 2)),
    f("where, zeros", VECTOR, lambda tf, x: tf.where(x > 0, x, tf.zeros_like(x))),
    f(
        "where, broadcast",
        MATRIX,
        lambda tf, x: tf.where(x[:, :, :1] > 0, x, tf.constant(ROW)),
    ),
    f("cast to whole", VECTOR, lambda tf, x: tf.cast(x * 3, tf.int32)),
    f("ones like", VECTOR, lambda tf, x: x + tf.ones_like(x)),
    f("identity", VECTOR, lambda tf, x: tf.stop_gradient(tf.identity(x)) * 2),
    f("x[:, 1:3]", VECTOR, lambda tf, x: x[:, 1:3]),
    f("x[:, 2]", VECTOR, lambda tf, x: x[:, 2]),
    f("x[:, -1]", VECTOR, lambda tf, x: x[:, -1]),
    f("x[..., 0]", IMAGE, lambda tf, x: x[..., 0]),
    f("x[:, None]", VECTOR, lambda tf, x: x[:, None] * 2),
    f("x[..., None]", VECTOR, lambda tf, x: x[..., None] * 2),
    f("x[:, ::-1]", VECTOR, lambda tf, x: x[:, ::-1]),
    f("x[:, 1::2, ..., :2]", IMAGE, lambda tf, x: x[:, 1::2, ..., :2]),
    f("x[:, :-2]", VECTOR, lambda tf, x: x[:, :-2]),
    f("reshape", VECTOR, lambda tf, x: tf.reshape(x, [-1, 2, 3])),
    f("reshape by shape", VECTOR, lambda tf, x: tf.reshape(x, (tf.shape(x)[0], 3, 2))),
    f(
        "reshape to another",
        [MATRIX, Input(24)],
        lambda tf, x: tf.reshape(x[1], tf.shape(x[0])) + x[0],
    ),
    case(
        "reshape, then dense",
        MATRIX,
        lambda k, x: k.L.Dense(2)(
            k.tf.reshape(x, k.tf.concat([k.tf.shape(x)[:1], [3, 8]], axis=0))
        ),
    ),
    f(
        "flatten by product",
        MATRIX,
        lambda tf, x: tf.reshape(x, [-1, tf.reduce_prod(tf.shape(x)[1:])]),
    ),
    f("transpose", IMAGE, lambda tf, x: tf.transpose(x, [0, 3, 1, 2])),
    f("expand, squeeze", VECTOR, lambda tf, x: tf.squeeze(tf.expand_dims(x, 1) * 2, axis=[1])),
    f("concat", TWO, lambda tf, x: tf.concat([x[0], x[1] * 2, x[0]], axis=-1)),
    f("stack", TWO, lambda tf, x: tf.stack(x, axis=1)),
    f("unstack", MATRIX, lambda tf, x: tf.unstack(x, axis=1)[2]),
    f("split", VECTOR, lambda tf, x: tf.split(x, 3, axis=1)),
    f("split by sizes", VECTOR, lambda tf, x: tf.split(x, [1, 3, 2], axis=1)),
    f("tile", VECTOR, lambda tf, x: tf.tile(x, [1, 2])),
    f("tile to a batch", VECTOR, lambda tf, x: tf.tile(x[:, None], [1, tf.shape(x)[1], 1])),
    f("pad", MATRIX, lambda tf, x: tf.pad(x, [[0, 0], [1, 2], [0, 1]])),
    f("pad, value", MATRIX, lambda tf, x: tf.pad(x, [[0, 0], [1, 2], [0, 1]], constant_values=2)),
    f("pad, reflect", MATRIX, lambda tf, x: tf.pad(x, [[0, 0], [1, 2], [0, 1]], mode="REFLECT")),
    f("slice", MATRIX, lambda tf, x: tf.slice(x, [0, 1, 2], [-1, 2, 3])),
    f("gather", MATRIX, lambda tf, x: tf.gather(x, [2, 0, 2], axis=1)),
    f("gather last", MATRIX, lambda tf, x: tf.gather(x, [5, 0], axis=-1)),
    f("gather by ids", [MATRIX, IDS], lambda tf, x: tf.gather(x[0], x[1], batch_dims=1)),
    f("one hot", IDS, lambda tf, x: tf.one_hot(x, 4)),
    f("one hot, values", IDS, lambda tf, x: tf.one_hot(x, 4, on_value=2.0, off_value=-1.0)),
    f("cumsum", MATRIX, lambda tf, x: tf.cumsum(x, axis=1, exclusive=True)),
    f("cumprod", MATRIX, lambda tf, x: tf.math.cumprod(x, axis=2, reverse=True)),
    f("reverse", MATRIX, lambda tf, x: tf.reverse(x, [1])),
    f("roll", MATRIX, lambda tf, x: tf.roll(x, 2, axis=1)),
    f("repeat", MATRIX, lambda tf, x: tf.repeat(x, 2, axis=1)),
    f("argmax", MATRIX, lambda tf, x: tf.argmax(x, axis=-1)),
    f("argmin", MATRIX, lambda tf, x: tf.argmin(x, axis=1, output_type="int32")),
    f("top k", MATRIX, lambda tf, x: tf.math.top_k(x, 3)),
    f("norm", MATRIX, lambda tf, x: tf.norm(x, axis=-1)),
    f("norm, one", MATRIX, lambda tf, x: tf.norm(x, ord=1, axis=-1, keepdims=True)),
    f("l2 normalize", MATRIX, lambda tf, x: tf.nn.l2_normalize(x, axis=-1)),
    f("moments", IMAGE, lambda tf, x: tf.nn.moments(x, axes=[1, 2])),
    f("matmul", MATRIX, lambda tf, x: tf.matmul(x, x, transpose_b=True)),
    f("matmul, constant", VECTOR, lambda tf, x: tf.matmul(x, tf.constant(np.outer(ROW, ROW[:2])))),
    f(
        "matmul, broadcast",
        MATRIX,
        lambda tf, x: tf.matmul(x, tf.constant(np.outer(ROW, ROW[:2])[None])),
    ),
    f(
        "tensordot",
        MATRIX,
        lambda tf, x: tf.tensordot(x, tf.constant(np.outer(ROW, ROW[:2])), axes=[[2], [0]]),
    ),
    einsum("einsum", MATRIX, "bij,bkj->bik"),
    einsum("einsum, two summed", MATRIX, "bij,bij->b"),
    einsum("einsum, heads", Input(3, 4, 5), "bhwc,bhvc->bhwv"),
    einsum("einsum, moved", Input(3, 4, 5), "bhwc,bhvc->bwhv"),
    einsum("einsum, outer", VECTOR, "bi,bj->bji"),
    f("bias add", MATRIX, lambda tf, x: tf.nn.bias_add(x, tf.constant(ROW))),
    f("max pool", IMAGE, lambda tf, x: tf.nn.max_pool2d(x, 2, 2, "VALID")),
    f("avg pool", IMAGE, lambda tf, x: tf.nn.avg_pool2d(x, [3, 3], [2, 2], "SAME")),
    f("depth to space", Input(2, 3, 8), lambda tf, x: tf.nn.depth_to_space(x, 2)),
    f("space to depth", Input(4, 6, 2), lambda tf, x: tf.nn.space_to_depth(x, 2)),
    f("lrn", IMAGE, lambda tf, x: tf.nn.local_response_normalization(x, 2, 1.0, 0.5, 0.75)),
    f("resize down", IMAGE, lambda tf, x: tf.image.resize(x, (3, 5))),
    f("resize up", IMAGE, lambda tf, x: tf.image.resize(x, (12, 11))),
    f("resize nearest", IMAGE, lambda tf, x: tf.image.resize(x, (9, 5), method="nearest")),
    f(
        "resize any size",
        Input(None, None, 3, ask=(5, 7, 3)),
        lambda tf, x: tf.image.resize(x, (8, 4)),
    ),
    f(
        "resize any size nearest",
        Input(None, None, 3, ask=(5, 7, 3)),
        lambda tf, x: tf.image.resize(x, (8, 4), method="nearest"),
    ),
    f("resize, old", IMAGE, lambda tf, x: tf.compat.v1.image.resize_bilinear(x, (4, 12))),
    f(
        "resize, corners",
        IMAGE,
        lambda tf, x: tf.compat.v1.image.resize_bilinear(x, (4, 12), align_corners=True),
    ),
    f("flip", IMAGE, lambda tf, x: tf.reverse(x, [2])),
    f("standardize", IMAGE, lambda tf, x: tf.image.per_image_standardization(x)),
    f("fill", VECTOR, lambda tf, x: x + tf.fill(tf.shape(x), 0.5)),
    f("range", VECTOR, lambda tf, x: x * tf.cast(tf.range(tf.shape(x)[1]), "float32")),
    f("broadcast to", VECTOR, lambda tf, x: tf.broadcast_to(x[:, None], [3, 2, 6])),
    f("band part", MATRIX, lambda tf, x: tf.linalg.band_part(x, 1, 2)),
    f("diag part", MATRIX, lambda tf, x: tf.linalg.diag_part(x)),
    case(
        "with layers",
        VECTOR,
        lambda k, x: k.L.Dense(2)(k.tf.nn.relu(k.L.Dense(6)(x)) + 0.5 * x),
    ),
    f("size, rank", VECTOR, lambda tf, x: x / tf.cast(tf.size(x) * tf.rank(x), "float32")),
]
