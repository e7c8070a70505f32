"""Python calls on Keras tensors that only TensorFlow 2.4 and later can save: TFOpLambda and
SlicingOpLambda with what is their own, functions of keras.backend and keras.activations.
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

ACTIVATIONS = (
    "relu elu selu softmax softplus softsign tanh sigmoid hard_sigmoid exponential swish gelu"
    " linear mish leaky_relu"
)


def saves_calls(tf):
    """Whether Keras tensors' calls are saved as TFOpLambda."""
    return tuple(int(n) for n in tf.__version__.split(".")[:2]) >= (2, 4)


def f(name, inputs, call):
    """A case of calls of a function that is given the Keras, its backend and tf."""

    def build(k, x):
        if not saves_calls(k.tf):
            raise NotImplementedError("calls are saved as operations")
        return call(k, x)

    return Case("calls", name, inputs, build, only=ONLY)


def backend(name, inputs, call):
    """A case of a function of keras.backend."""
    return f("backend " + name, inputs, lambda k, x: call(k.K.backend, x))


def activation(name):
    return f(
        "activation " + name, Input(6, scale=3.0), lambda k, x: getattr(k.K.activations, name)(x)
    )


def _normalized(k, x):
    mean, variance = k.tf.nn.moments(x, axes=[1, 2], keepdims=True)
    return k.tf.nn.batch_normalization(x, mean, variance, 0.5, 2.0, 0.001)


def _kernel(k):
    return k.tf.constant(k.between(-0.5, 0.5, 3, 3, 3, 2))


CASES = [activation(name) for name in ACTIVATIONS.split()]
CASES += [
    backend("mean", MATRIX, lambda K, x: K.mean(x, axis=-1, keepdims=True)),
    backend("sum", MATRIX, lambda K, x: K.sum(x, axis=1)),
    backend("max, min", MATRIX, lambda K, x: [K.max(x, axis=1), K.min(x, axis=2)]),
    backend("std, var", MATRIX, lambda K, x: [K.std(x, axis=1), K.var(x, axis=2)]),
    backend("concatenate", TWO, lambda K, x: K.concatenate([x[0], x[1]], axis=-1)),
    backend("stack", TWO, lambda K, x: K.stack([x[0], x[1]], axis=1)),
    backend("l2 normalize", MATRIX, lambda K, x: K.l2_normalize(x, axis=-1)),
    backend("dot", VECTOR, lambda K, x: K.dot(x, K.constant(np.outer(ROW, ROW[:2])))),
    backend("dot of rank 3", MATRIX, lambda K, x: K.dot(x, K.constant(np.outer(ROW, ROW[:2])))),
    backend("batch dot", [MATRIX, Input(6, 3)], lambda K, x: K.batch_dot(x[0], x[1])),
    backend("permute", IMAGE, lambda K, x: K.permute_dimensions(x, (0, 3, 1, 2))),
    backend("expand, squeeze", VECTOR, lambda K, x: K.squeeze(K.expand_dims(x, 1) * 2, 1)),
    backend("reshape", VECTOR, lambda K, x: K.reshape(x, (-1, 2, 3))),
    backend("flatten", MATRIX, lambda K, x: K.batch_flatten(x)),
    backend("repeat elements", MATRIX, lambda K, x: K.repeat_elements(x, 2, 1)),
    backend("repeat", VECTOR, lambda K, x: K.repeat(x, 3)),
    backend("tile", MATRIX, lambda K, x: K.tile(x, [1, 2, 1])),
    backend("clip", VECTOR, lambda K, x: K.clip(x, -0.5, 0.5)),
    backend("relu", VECTOR, lambda K, x: K.relu(x, alpha=0.1, max_value=1.0, threshold=0.2)),
    backend("one hot", IDS, lambda K, x: K.one_hot(x, 4)),
    backend("resize images", IMAGE, lambda K, x: K.resize_images(x, 2, 2, "channels_last")),
    backend(
        "resize images, bilinear",
        IMAGE,
        lambda K, x: K.resize_images(x, 2, 3, "channels_last", interpolation="bilinear"),
    ),
    backend("pad", IMAGE, lambda K, x: K.spatial_2d_padding(x, ((1, 0), (2, 1)))),
    backend("pool", IMAGE, lambda K, x: K.pool2d(x, (2, 2), (2, 2), pool_mode="avg")),
    backend("argmax", MATRIX, lambda K, x: K.argmax(x, axis=-1)),
    backend("exp, log", VECTOR, lambda K, x: K.log(K.exp(x) + K.epsilon())),
    backend("softmax", MATRIX, lambda K, x: K.softmax(x, axis=1)),
    backend("square, sqrt", VECTOR, lambda K, x: K.sqrt(K.square(x) + 1)),
    backend("equal", IDS, lambda K, x: K.cast(K.equal(x, 2), "float32")),
    backend("cast", VECTOR, lambda K, x: K.cast(x, "int32")),
    backend("reverse", MATRIX, lambda K, x: K.reverse(x, 1)),
    backend("cumsum", MATRIX, lambda K, x: K.cumsum(x, axis=1)),
    backend("logsumexp", MATRIX, lambda K, x: K.logsumexp(x, axis=1)),
    f("x @ constant", MATRIX, lambda k, x: x @ k.tf.constant(np.outer(ROW, ROW[:2]))),
    f("x == x", TWO, lambda k, x: k.tf.cast(k.tf.equal(x[0], x[1]), "float32")),
    f("x[tensor]", MATRIX, lambda k, x: x[:, : k.tf.shape(x)[1] - 1]),
    f("x[:, tensor]", MATRIX, lambda k, x: x[:, k.tf.shape(x)[2] - 4]),
    f("x[..., None, 1:]", MATRIX, lambda k, x: x[..., None, 1:]),
    f("x[:, 0, None]", MATRIX, lambda k, x: x[:, 0, None]),
    f("list of numbers", VECTOR, lambda k, x: x * [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    f("number - x, division", VECTOR, lambda k, x: (3 - x) / 2),
    f("shape", MATRIX, lambda k, x: k.tf.ones_like(x) * k.tf.cast(k.tf.shape(x)[2], "float32")),
    f(
        "zeros by shape",
        MATRIX,
        lambda k, x: k.tf.concat([x, k.tf.zeros([k.tf.shape(x)[0], 1, 6])], 1),
    ),
    f(
        "gather_nd",
        MATRIX,
        lambda k, x: k.tf.gather_nd(k.tf.transpose(x, [1, 2, 0]), [[0, 1], [3, 5]]),
    ),
    f("sort", MATRIX, lambda k, x: k.tf.sort(x, axis=-1)),
    f("embedding lookup", IDS, lambda k, x: k.tf.nn.embedding_lookup(np.outer(ROW, ROW), x)),
    f("sequence mask", Input(dtype="int32", high=4), lambda k, x: k.tf.sequence_mask(x, 5)),
    f("linspace of images", IMAGE, lambda k, x: k.tf.image.flip_left_right(x)),
    f("rgb to grayscale", IMAGE, lambda k, x: k.tf.image.rgb_to_grayscale(x)),
    f("matrix transpose", MATRIX, lambda k, x: k.tf.linalg.matrix_transpose(x)),
    f("matvec", [MATRIX, VECTOR], lambda k, x: k.tf.linalg.matvec(x[0], x[1])),
    f("ensure shape", MATRIX, lambda k, x: k.tf.ensure_shape(x, [None, 4, 6]) * 2),
    f("batch normalization", IMAGE, _normalized),
    f("conv2d", IMAGE, lambda k, x: k.tf.nn.conv2d(x, _kernel(k), strides=2, padding="SAME")),
    f("zero fraction", IDS, lambda k, x: k.tf.cast(x, "float32") * k.tf.math.zero_fraction(x)),
    f("to tensor", VECTOR, lambda k, x: k.tf.convert_to_tensor(x) * 2),
]
