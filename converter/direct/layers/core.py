"""Layers without a state of their own: Dense, Embedding, shapes, and what is idle when served."""

from __future__ import annotations

import math
from collections.abc import Sequence

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.config import Config
from converter.direct.graph import Tensor
from converter.direct.registry import layer


def _dense_weights(config: Config) -> Sequence[str]:
    return ["kernel", *["bias"] * config.flag("use_bias", True)]


@layer("Dense", weights=_dense_weights)
def dense(call: Call) -> Tensor:
    """activation(x · kernel + bias), on the last dimension."""
    x = ops.dot(call.x, call.variable("kernel"))
    if call.has("bias"):
        x = ops.bias_add(x, call.variable("bias"))
    return call.activation(x)


@layer("Activation")
def activation(call: Call) -> Tensor:
    """An activation alone."""
    return call.activation(call.x)


@layer(
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"),
    *("GaussianDropout", "GaussianNoise", "ActivityRegularization", "InputLayer"),
)
def idle(call: Call) -> Tensor:
    """What does something in training only."""
    return call.x


@layer("Flatten", masks="stop")
def flatten(call: Call) -> Tensor:
    """All dimensions but the first as one; channels first are moved to the end before."""
    x = call.x
    if x.rank == 1:
        return ops.expand_dims(x, -1)
    if call.config.channels_first() and x.rank > 2:
        x = ops.transpose(x, [0, *range(2, x.rank), 1])
    sizes = x.shape[1:]
    known = None if None in sizes else math.prod(d for d in sizes if d is not None)
    if known is None:
        return ops.reshape(x, [ops.dim(x, 0), -1])
    return ops.reshape(x, [-1, known])


@layer("Reshape", masks="stop")
def reshape(call: Call) -> Tensor:
    """Another shape, the batch left as it is; -1 stands for what is left."""
    x = call.x
    target = [int(d) for d in call.config.get("target_shape")]
    sizes = x.shape[1:]
    if -1 in target and None not in sizes:
        rest = -math.prod(target)
        whole = math.prod(d for d in sizes if d is not None)
        target = [whole // rest if d == -1 else d for d in target]
    if -1 in target:
        return ops.reshape(x, [ops.dim(x, 0), *target])
    return ops.reshape(x, [-1, *target])


@layer("Permute", masks="stop")
def permute(call: Call) -> Tensor:
    """Dimensions in another order, counted from 1."""
    return ops.transpose(call.x, [0, *(int(d) for d in call.config.get("dims"))])


@layer("RepeatVector", masks="stop")
def repeat_vector(call: Call) -> Tensor:
    """A vector, n times."""
    return ops.tile(ops.expand_dims(call.x, 1), [1, call.config.integer("n"), 1])


@layer("Masking", masks="own")
def masking(call: Call) -> Tensor:
    """Steps that are the mask value throughout become zeros, and are masked from here on."""
    x = call.x
    differs = ops.not_equal(x, call.config.number("mask_value", 0.0))
    kept = ops.reduce("Any", differs, -1, keep=True)
    return (x * ops.cast(kept, x.dtype)).with_mask(ops.squeeze(kept, [-1]))


@layer("Embedding", weights=["embeddings"], masks="own")
def embedding(call: Call) -> Tensor:
    """Rows of a table by their numbers; number 0 is masked if the config says so."""
    x = call.x
    indices = x if x.dtype in ("int32", "int64") else ops.cast(x, "int32")
    table = call.variable("embeddings", compute=False)
    rows = call.cast(ops.gather(table, indices))
    if call.config.flag("mask_zero", False):
        return rows.with_mask(ops.not_equal(indices, 0))
    return rows.with_mask(None)
