"""Layers that bring their input to a mean, a variance or a length.

Source: keras/layers/normalization of Keras 2.2.4, 2.15 and 3.15. All of them compute at least in
float32, and give back the dtype that the layer computes in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from converter.direct import ops
from converter.direct.architecture import Layer
from converter.direct.call import Call
from converter.direct.config import Config
from converter.direct.graph import Tensor
from converter.direct.protos import Type
from converter.direct.registry import below, layer, roles_of
from converter.direct.weights import Array, Role

# The least epsilon of TensorFlow's fused batch normalization, where it has one.
LEAST_EPSILON = 1.001e-5
# Which axes of images are normalized with it, by the answer of `fused_epsilon`.
RAISED = {"none": (), "last": (3,), "any": (1, 3)}
# Of Keras, and what the squared length of a vector is raised to.
EPSILON = 1e-7
LEAST_SQUARE = {"square": 1e-12, "norm": 1e-24}


def axes_of(call: Call, rank: int) -> list[int]:
    """The layer's `axis`, one or several, counted from the front, in the order of the config."""
    given = call.config.get("axis", -1)
    listed = given if isinstance(given, list | tuple) else [given]
    if not all(isinstance(a, int) and not isinstance(a, bool) for a in listed):
        raise call.refuse(f"its 'axis' is {given!r}")
    if any(not -rank <= a < rank for a in listed):
        raise call.refuse(f"its 'axis' is {given!r} and its input has {rank} dimensions")
    return [a % rank for a in listed]


def wide(x: Tensor) -> Tensor:
    """x in a dtype that is precise enough for sums: float32, or float64 where it is that."""
    return x if x.dtype == "float64" else ops.cast(x, "float32")


def moments(x: Tensor, axes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """(x less its mean, its variance) along axes, which are kept."""
    centred = x - ops.reduce("Mean", x, axes, keep=True)
    return centred, ops.reduce("Mean", ops.square(centred), axes, keep=True)


def parameter(call: Call, role: str, like: Tensor, shape: Sequence[int]) -> Tensor:
    """A weight in the dtype of `like` and in a shape that broadcasts, without leading ones.

    Keras may keep it more precisely than the config says, so the variable's dtype is the stored.
    """
    kept = call.stored_dtype(role)
    wanted = list(shape)
    while len(wanted) > 1 and wanted[0] == 1:
        wanted = wanted[1:]
    if tuple(wanted) == call.stored_shape(role):
        return ops.cast(call.variable(role, compute=False, dtype=kept), like.dtype)

    def change(stored: Array) -> Array:
        return stored.reshape(wanted)

    made = call.variable(role, change, wanted, compute=False, dtype=kept)
    return ops.cast(made, like.dtype)


def along(call: Call, x: Tensor, axes: Sequence[int]) -> list[int]:
    """The sizes of x along axes, and 1 along the others."""
    sizes = []
    for axis, size in enumerate(x.shape):
        if axis in axes and size is None:
            raise call.refuse(f"its input has no known size at axis {axis}")
        sizes.append(size or 0 if axis in axes else 1)
    return sizes


def _centred_and_scaled(config: Config) -> list[str]:
    return ["gamma"] * config.flag("scale", True) + ["beta"] * config.flag("center", True)


@layer(
    *("BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2"),
    "SyncBatchNormalization",
    weights=lambda config: [*_centred_and_scaled(config), "moving_mean", "moving_variance"],
)
def batch_normalization(call: Call) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) · gamma + beta, with the stored mean and variance."""
    if call.config.flag("renorm", False) or call.config.get("virtual_batch_size", None):
        raise call.refuse("it renormalizes, or divides its batches")
    x = call.x
    axes = axes_of(call, x.rank)
    epsilon = _epsilon(call, axes)
    if axes == [x.rank - 1] and x.dtype != "float64":
        return ops.cast(_fused(call, ops.cast(x, "float32"), epsilon), x.dtype)
    return ops.cast(_by_parts(call, wide(x), axes, epsilon), x.dtype)


def _epsilon(call: Call, axes: Sequence[int]) -> float:
    """The epsilon that counts: the writer may have raised it where it used a fused operation."""
    given = call.config.number("epsilon", 1e-3)
    image = call.x.rank == 4 and call.x.dtype != "float64"
    raised = RAISED[call.meaning.of("fused_epsilon")]
    if image and len(axes) == 1 and axes[0] in raised and "Sync" not in call.layer.class_name:
        return max(given, LEAST_EPSILON)
    return given


def _fused(call: Call, x: Tensor, epsilon: float) -> Tensor:
    """One operation, which takes images; channels are last."""
    size = call.stored_shape("moving_mean")[0]
    image = x if x.rank == 4 else ops.reshape(x, [-1, 1, 1, size])
    ones, zeros = np.ones(size, np.float32), np.zeros(size, np.float32)
    scale = parameter(call, "gamma", x, [size]) if call.has("gamma") else call.graph.constant(ones)
    offset = parameter(call, "beta", x, [size]) if call.has("beta") else call.graph.constant(zeros)
    mean = parameter(call, "moving_mean", x, [size])
    variance = parameter(call, "moving_variance", x, [size])
    attrs = {
        "T": Type("float32"),
        "U": Type("float32"),
        "epsilon": epsilon,
        "data_format": "NHWC",
        "is_training": False,
    }
    inputs = [image, scale, offset, mean, variance]
    outputs = [("float32", image.shape), *[("float32", (size,))] * 4]
    result = call.graph.node("FusedBatchNormV2", inputs, outputs, attrs=attrs)[0]
    return result if x.rank == 4 else ops.reshape(result, ops.dims(x)).with_shape(x.shape)


def _by_parts(call: Call, x: Tensor, axes: Sequence[int], epsilon: float) -> Tensor:
    """x · scale + offset."""
    shape = along(call, x, axes)
    scale = ops.unary("Rsqrt", parameter(call, "moving_variance", x, shape) + epsilon)
    if call.has("gamma"):
        scale = scale * parameter(call, "gamma", x, shape)
    shift = parameter(call, "moving_mean", x, shape) * scale
    if call.has("beta"):
        return x * scale + (parameter(call, "beta", x, shape) - shift)
    return x * scale - shift


def _layer_weights(config: Config) -> list[str]:
    return ["gamma"] if config.flag("rms_scaling", False) else _centred_and_scaled(config)


@layer("LayerNormalization", weights=_layer_weights, autocast=False)
def layer_normalization(call: Call) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) · gamma + beta, by what every row has along the axes.

    What Keras 3 calls rms_scaling leaves the mean in. Keras 2 makes halves of the input, and of
    what gamma and beta are applied to where it has a fused operation for the rest.
    """
    fused = call.meaning.of("layer_normalization") == "fused"
    x = wide(call.cast(call.x) if fused else call.x)
    axes = axes_of(call, x.rank)
    centred, variance = moments(x, axes)
    scaled = x if call.config.flag("rms_scaling", False) else centred
    epsilon = call.config.number("epsilon", 1e-3)
    result = scaled * ops.unary("Rsqrt", variance + epsilon)
    last = sorted(axes) == list(range(x.rank - len(axes), x.rank))
    if last and epsilon >= LEAST_EPSILON and fused:
        result = call.cast(result)
    return call.cast(_affine(call, result, along(call, x, axes)))


def _affine(call: Call, x: Tensor, shape: Sequence[int]) -> Tensor:
    """x · gamma + beta, as far as the layer has them."""
    if call.has("gamma"):
        x = x * parameter(call, "gamma", x, shape)
    if call.has("beta"):
        x = x + parameter(call, "beta", x, shape)
    return x


@layer("GroupNormalization", weights=_centred_and_scaled)
def group_normalization(call: Call) -> Tensor:
    """As LayerNormalization, over all but the batch, each group of channels for itself."""
    if call.mask is not None and call.meaning.of("statistics_masks") == "heed":
        raise call.refuse("its input is masked, and Keras 2 means the mask as weights")
    x = wide(call.x)
    (axis,) = axes_of(call, x.rank)
    channels = x.shape[axis]
    if channels is None:
        raise call.refuse("the number of its input's channels is not known")
    groups = call.config.integer("groups", 32)
    groups = channels if groups == -1 else groups
    sizes = ops.dims(x)
    grouped = ops.reshape(x, [*sizes[:axis], groups, channels // groups, *sizes[axis + 1 :]])
    centred, variance = moments(grouped, [a for a in range(1, x.rank + 1) if a != axis])
    result = centred * ops.unary("Rsqrt", variance + call.config.number("epsilon", 1e-3))
    shape = [groups, channels // groups, *[1] * (x.rank - axis - 1)]
    flat = ops.reshape(_affine(call, result, shape), sizes)
    return ops.cast(flat.with_shape(x.shape), call.x.dtype)


@layer("UnitNormalization")
def unit_normalization(call: Call) -> Tensor:
    """x divided by its length."""
    return unit(call, call.x, axes_of(call, call.x.rank), LEAST_SQUARE)


def unit(call: Call, x: Tensor, axes: Sequence[int], least: dict[str, float]) -> Tensor:
    """x divided by its length along axes; what squares are at least, by `least_norm`."""
    squares = ops.reduce("Sum", ops.square(x), axes, keep=True)
    return x * ops.unary("Rsqrt", ops.maximum(squares, least[call.meaning.of("least_norm")]))


@layer("RMSNormalization", weights=["scale"], masks="stop")
def rms_normalization(call: Call) -> Tensor:
    """x divided by the root of its mean square."""
    x = wide(call.x)
    squares = ops.reduce("Mean", ops.square(x), axes_of(call, x.rank), keep=True)
    result = x * ops.unary("Rsqrt", squares + call.config.number("epsilon", 1e-6))
    scale = parameter(call, "scale", x, call.stored_shape("scale"))
    return ops.cast(result * scale, call.x.dtype)


def _statistics(config: Config) -> list[str]:
    return [] if config.get("mean", None) is not None else ["mean", "variance", "count"]


@layer("Normalization", weights=_statistics, masks="own")
def normalization(call: Call) -> Tensor:
    """(x - mean) / sqrt(variance), with the config's or the stored ones; or the inverse.

    They are constants, as they are in Keras's own graphs.
    """
    x = ops.cast(call.x, call.compute_dtype or "float32")
    if x.rank == 1:
        raise call.refuse("its input is a number for each row, which Kerases shape differently")
    kept = [] if call.config.get("axis", -1) is None else axes_of(call, x.rank)
    shape = along(call, x, kept)
    sizes = [shape[axis] for axis in sorted(kept)]
    mean = call.graph.constant(_statistic(call, "mean", sizes).reshape(shape), x.dtype)
    variance = _statistic(call, "variance", sizes).reshape(shape)
    deviation = np.maximum(np.sqrt(variance), EPSILON)
    scale = call.graph.constant(deviation, x.dtype)
    result = x * scale + mean if call.config.flag("invert", False) else (x - mean) / scale
    passed = call.meaning.of("statistics_masks") == "pass"
    return result.with_mask(call.mask if passed else None)


def _statistic(call: Call, role: str, sizes: Sequence[int]) -> Array:
    """A mean or variance along the axes that are kept; one in the config is broadcast."""
    if call.has(role):
        return call.weight(role)
    return np.asarray(call.config.get(role), np.float32) * np.ones(sizes, np.float32)


def _spectral_roles(known: Layer) -> list[Role]:
    inner = known.inner(known.config.get("layer"))
    trainable = known.config.values.get("trainable", True) is not False
    held = below(inner.name, roles_of(inner))
    return [
        Role("vector_u", trainable=False),
        *(Role(role.name, role.owner, trainable=trainable and role.trainable) for role in held),
    ]


@layer("SpectralNormalization", held=_spectral_roles)
def spectral_normalization(call: Call) -> list[Tensor]:
    """The held layer; its kernel is normalized in training, and stored so."""
    outputs = call.run(call.config.get("layer"), [call.x])
    return [ops.cast(output, call.x.dtype) for output in outputs]
