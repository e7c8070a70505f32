"""Batch, layer, group and unit normalization, and Normalization."""

from case import Case, Input

VECTOR = Input(6, scale=2.0)
STEPS = Input(5, 4, scale=2.0)
FREE = Input(None, 4, ask=(5, 4), scale=2.0)
IMAGE = Input(4, 3, 6, scale=2.0)
VOLUME = Input(2, 3, 2, 4, scale=2.0)
IDS = Input(6, dtype="int32", high=11, masked=2)
OF_TF = ("tf.keras", "tf_keras")
LATER = ("tf.keras", "tf_keras", "keras3")


def batch(variant, given, **arguments):
    def build(k, x):
        return k.L.BatchNormalization(**arguments)(x)

    return Case("BatchNormalization", variant, given, build)


def of(name, variant, given, only=(), **arguments):
    return Case(name, variant, given, lambda k, x: getattr(k.L, name)(**arguments)(x), only)


def normalization(k, **arguments):
    """The layer, wherever this Keras keeps it."""
    layers = k.L
    found = getattr(layers, "Normalization", None)
    return (found or layers.experimental.preprocessing.Normalization)(**arguments)


def stored(variant, given, **arguments):
    return Case(
        "Normalization", variant, given, lambda k, x: normalization(k, **arguments)(x), LATER
    )


def spectral(k, x):
    return k.L.SpectralNormalization(k.L.Dense(3, activation="tanh"))(x)


def old_batch_normalization(k, x):
    """Of tf.compat.v1, which Keras calls BatchNormalizationV1."""
    return k.tf.compat.v1.keras.layers.BatchNormalization()(x)


def synchronized(k, x):
    return k.L.experimental.SyncBatchNormalization()(x)


def masked(k, x):
    """What a normalization passes on shows in the pooling."""
    steps = k.L.Embedding(11, 4, mask_zero=True)(x)
    steps = k.L.LayerNormalization()(k.L.BatchNormalization()(steps))
    return k.L.GlobalAveragePooling1D()(steps)


CASES = [
    batch("vector", VECTOR),
    batch("steps", STEPS),
    batch("any number of steps", FREE),
    batch("image", IMAGE),
    batch("any image", Input(None, None, 3, ask=(4, 5, 3))),
    batch("volume", VOLUME),
    batch("no gamma", IMAGE, scale=False),
    batch("no beta", STEPS, center=False),
    batch("neither", VECTOR, center=False, scale=False),
    batch("epsilon", VECTOR, epsilon=0.1),
    batch("channels first", IMAGE, axis=1),
    batch("channels first, no gamma", IMAGE, axis=1, scale=False),
    batch("steps, the first axis", STEPS, axis=1),
    batch("the middle axis", IMAGE, axis=2),
    batch("two axes", IMAGE, axis=[1, 3]),
    batch("small epsilon", IMAGE, epsilon=1e-6),
    batch("frozen", IMAGE, trainable=False),
    Case("BatchNormalization", "of TensorFlow 1", IMAGE, old_batch_normalization, ("tf.keras",)),
    of("LayerNormalization", "vector", VECTOR),
    of("LayerNormalization", "steps", FREE, epsilon=1e-6),
    of("LayerNormalization", "two axes", IMAGE, axis=[1, 2]),
    of("LayerNormalization", "the last axes", IMAGE, axis=[2, 3]),
    of("LayerNormalization", "the first axis", STEPS, axis=1),
    of("LayerNormalization", "axes out of order", STEPS, axis=[2, 1]),
    of("LayerNormalization", "no gamma", STEPS, scale=False),
    of("LayerNormalization", "no beta", STEPS, center=False),
    of("LayerNormalization", "neither", STEPS, center=False, scale=False),
    of("LayerNormalization", "rms", STEPS, ("keras3",), rms_scaling=True),
    Case("SyncBatchNormalization", "image", IMAGE, synchronized, OF_TF),
    of("GroupNormalization", "image", IMAGE, groups=3),
    of("GroupNormalization", "any image", Input(None, None, 4, ask=(3, 5, 4)), groups=2),
    of("GroupNormalization", "channels first", IMAGE, groups=2, axis=1),
    of("GroupNormalization", "each channel", STEPS, groups=-1),
    of("GroupNormalization", "one, no gamma", STEPS, groups=1, scale=False),
    of("GroupNormalization", "no beta", STEPS, groups=2, center=False),
    of("UnitNormalization", "steps", STEPS),
    of("UnitNormalization", "two axes", IMAGE, axis=[1, 2]),
    of("UnitNormalization", "short", Input(4, scale=1e-8)),
    of("RMSNormalization", "steps", STEPS),
    of("RMSNormalization", "two axes", STEPS, axis=[1, 2], epsilon=0.1),
    stored("stored", VECTOR),
    stored("whole numbers", Input(6, dtype="int32", high=5)),
    stored("steps", STEPS, axis=1),
    stored("two axes", IMAGE, axis=[1, 3]),
    stored("one number", VECTOR, axis=None),
    stored("inverse", STEPS, invert=True),
    stored("given", STEPS, mean=[1.0, 2.0, 3.0, 4.0], variance=[0.5, 0.25, 2.0, 1.0]),
    stored("no variance, inverse", STEPS, mean=3.0, variance=0.0, invert=True),
    stored("one given", STEPS, mean=3.0, variance=2.0),
    stored("given, inverse", STEPS, mean=3.0, variance=2.0, invert=True),
    Case("SpectralNormalization", "dense", VECTOR, spectral),
    Case("masks", "pass", IDS, masked),
]
