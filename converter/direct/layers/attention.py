"""Attention: values, weighted by how well their keys answer queries.

Source: keras/layers/attention of Keras 2.15 and 3.15, layers/dense_attention.py of tf.keras 1.15.
Products of many dimensions are made of matrices: TensorFlow 1.12 has no Einsum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from converter.direct import ops
from converter.direct.activations import sigmoid
from converter.direct.architecture import Layer
from converter.direct.call import Call
from converter.direct.config import Config
from converter.direct.graph import Tensor
from converter.direct.registry import below, layer
from converter.direct.weights import Array, Role

# What a masked score is lowered by; the largest float16 in that.
LOWERED = {"float16": 65504.0}
PARTS = ("query", "key", "gate", "value", "attention_output")


def _lowered(scores: Tensor, mask: Tensor) -> Tensor:
    """Scores, so low where the mask is false that they do not count."""
    amount = LOWERED.get(scores.dtype, 1e9)
    return scores - ops.cast(ops.logical_not(mask), scores.dtype) * amount


def _both(x: Tensor | None, y: Tensor | None) -> Tensor | None:
    """True where both masks are, as far as there are any."""
    if x is None or y is None:
        return y if x is None else x
    return ops.logical_and(x, y)


def _places(x: Tensor, axis: int) -> Tensor:
    """0, 1, 2, ... along an axis."""
    return ops.range_(x, 0, ops.dim(x, axis))


def _causal(query: Tensor, value: Tensor) -> Tensor:
    """Whether a query may see a value: (queries, values), none of them later."""
    rows = ops.expand_dims(_places(query, 1), 1)
    return ops.greater_equal(rows, ops.expand_dims(_places(value, 1), 0))


def _attention_weights(config: Config) -> list[str]:
    concat = config.text("score_mode", "dot") == "concat"
    return ["scale"] * config.flag("use_scale", False) + ["concat_score_weight"] * concat


@layer("Attention", weights=_attention_weights, masks="own")
def attention(call: Call) -> list[Tensor]:
    """Queries score keys by their product, or by tanh of their sum."""
    query, _, key = _queried(call)
    if call.config.text("score_mode", "dot") == "dot":
        scores = ops.batch_matmul(query, key, adj_y=True)
        return _attended(call, scores * call.variable("scale") if call.has("scale") else scores)
    total = ops.expand_dims(query, 2) + ops.expand_dims(key, 1)
    if call.has("scale"):
        total = total * call.variable("scale")
    scores = ops.reduce("Sum", ops.unary("Tanh", total), -1)
    return _attended(call, scores * call.variable("concat_score_weight"))


@layer(
    "AdditiveAttention",
    weights=lambda config: ["scale"] * config.flag("use_scale", True),
    masks="own",
)
def additive_attention(call: Call) -> list[Tensor]:
    """Queries score keys by tanh of their sum, each dimension with a weight."""
    query, _, key = _queried(call)
    scores = ops.unary("Tanh", ops.expand_dims(query, 2) + ops.expand_dims(key, 1))
    if call.has("scale"):
        scores = scores * call.variable("scale")
    return _attended(call, ops.reduce("Sum", scores, -1))


def _queried(call: Call) -> tuple[Tensor, Tensor, Tensor]:
    """(query, value, key): the third is the second where it is not given."""
    tensors = call.inputs
    if len(tensors) not in (2, 3) or any(t.rank != 3 for t in tensors):
        raise call.refuse("it is not called on two or three tensors of steps")
    return tensors[0], tensors[1], tensors[-1]


def _attended(call: Call, scores: Tensor) -> list[Tensor]:
    """What the scores say of the values, and the weights where they are asked for."""
    query, value, _ = _queried(call)
    queries, values = _masks(call)
    allowed = None if values is None else ops.expand_dims(values, 1)
    if _is_causal(call):
        allowed = _both(allowed, ops.expand_dims(_causal(query, value), 0))
    if allowed is not None:
        scores = _lowered(scores, allowed)
    weights = ops.softmax(scores)
    result = ops.batch_matmul(weights, value)
    if queries is not None:
        result = result * ops.cast(ops.expand_dims(queries, 2), result.dtype)
    result = result.with_mask(queries)
    return [result, weights] if call.kwargs.get("return_attention_scores") else [result]


def _is_causal(call: Call) -> bool:
    """Whether queries see no later values, by the config or the call."""
    if "causal" not in call.config.values and call.meaning.of("causal") == "unsaid":
        raise call.refuse("its config does not say whether it is causal")
    return call.config.flag("causal", False) or bool(call.kwargs.get("use_causal_mask"))


def _masks(call: Call) -> tuple[Tensor | None, Tensor | None]:
    """The masks of queries and values."""
    given = call.kwargs.get("mask")
    if given is None:
        return call.inputs[0].mask, call.inputs[1].mask
    if not isinstance(given, list) or len(given) < 2:
        raise call.refuse("its mask is not a list of two")
    return given[0], given[1]


def _parts(known: Layer) -> list[Role]:
    """The weights of the projections that these layers hold."""
    config = known.config
    trainable = config.values.get("trainable", True) is not False
    names = ["kernel", *["bias"] * config.flag("use_bias", True)]
    parts = [p for p in PARTS if p != "gate" or config.flag("use_gate", False)]
    return [role for p in parts for role in below(p, [Role(n, trainable=trainable) for n in names])]


@layer("MultiHeadAttention", held=_parts, masks="own")
def multi_head_attention(call: Call) -> list[Tensor]:
    """Attention of several heads, each on projections of its own."""
    heads, size = call.config.integer("num_heads"), call.config.integer("key_dim")
    return _headed(call, heads, heads, size)


@layer("GroupedQueryAttention", "GroupQueryAttention", held=_parts, masks="own")
def grouped_query_attention(call: Call) -> list[Tensor]:
    """Attention of several heads, groups of which share keys and values."""
    heads = call.config.integer("num_query_heads")
    shared = call.config.integer("num_key_value_heads")
    return _headed(call, heads, shared, call.config.integer("head_dim"))


def _headed(call: Call, heads: int, shared: int, size: int) -> list[Tensor]:
    """Attention of `heads` heads of queries on `shared` heads of keys and values.

    The queries of heads that share keys follow each other, and are scored in one product.
    """
    query, value, key = _arguments(call)
    asking = _heads(_projected(call, "query", query), heads)
    keys = _heads(_projected(call, "key", key), shared)
    values = _heads(_projected(call, "value", value), shared)
    scaled = _shared(asking, shared) * (1 / math.sqrt(size))
    scores = _unshared(ops.batch_matmul(scaled, keys, adj_y=True), heads, query)
    weights = _weighted(call, scores, _allowed(call, query, value, key))
    weights = ops.cast(weights, query.dtype)
    found = _unshared(ops.batch_matmul(_shared(weights, shared), values), heads, query)
    result = _output(call, query, found).with_mask(_passed(call, query))
    return [result, weights] if _scores_wanted(call) else [result]


def _shared(x: Tensor, shared: int) -> Tensor:
    """(batch, heads, queries, size) as (batch, shared heads, queries of all that share, size)."""
    heads, steps = x.shape[1:3]
    if heads is None or heads == shared:
        return x
    together = None if steps is None else steps * (heads // shared)
    return ops.reshape(x, [ops.dim(x, 0), shared, together, ops.dim(x, 3)])


def _unshared(x: Tensor, heads: int, query: Tensor) -> Tensor:
    """The inverse of `_shared`."""
    if x.shape[1] == heads:
        return x
    return ops.reshape(x, [ops.dim(x, 0), heads, ops.dim(query, 1), ops.dim(x, 3)])


def _weights_known(call: Call) -> bool:
    """Whether Keras 3 has the weights at hand: they are asked for, or some dropped in training."""
    return _scores_wanted(call) or call.config.number("dropout", 0.0) > 0


def _scores_wanted(call: Call) -> bool:
    return bool(call.kwargs.get("return_attention_scores"))


def _arguments(call: Call) -> tuple[Tensor, Tensor, Tensor]:
    """(query, value, key), given by place or by name; value stands for a key that is not given."""
    names = ("query", "value", "key")
    given = {n: call.kwargs.get(n) for n in names} | dict(zip(names, call.args, strict=False))
    tensors = [t for t in (given[n] for n in names) if isinstance(t, Tensor)]
    known = len([t for t in given.values() if t is not None])
    if len(tensors) < 2 or len(tensors) < known or any(t.rank != 3 for t in tensors):
        raise call.refuse("it is not called on tensors of steps")
    if call.config.get("attention_axes", None) not in (None, 1, [1]):
        raise call.refuse(f"its 'attention_axes' is {call.config.get('attention_axes')!r}")
    query, value = call.cast(tensors[0]), call.cast(tensors[1])
    return query, value, value if len(tensors) == 2 else call.cast(tensors[2])


def _part(call: Call, name: str) -> Call:
    """A projection that the layer holds, as a layer of its own."""
    config = {"name": name, "dtype": call.config.values.get("dtype")}
    inner = call.layer.inner({"class_name": "EinsumDense", "config": config})
    return replace(call, layer=inner, weights=call.below(name))


def _projected(call: Call, name: str, x: Tensor) -> Tensor:
    """(batch, steps, features) times the part's kernel, (features, heads, size)."""
    part = _part(call, name)
    kernel = part.stored_shape("kernel")
    return _affine(call, part, x, kernel[:1], kernel[1:])


def _affine(
    call: Call, part: Call, x: Tensor, inward: Sequence[int], outward: Sequence[int]
) -> Tensor:
    """x times a kernel whose dimensions are made two, and the bias."""
    rows, columns = math.prod(inward), math.prod(outward)

    def as_matrix(stored: Array) -> Array:
        return stored.reshape(rows, columns)

    def as_vector(stored: Array) -> Array:
        return stored.reshape(columns)

    with call.graph.scope(part.layer.name):
        result = ops.dot(x, part.variable("kernel", as_matrix, [rows, columns]))
        if part.has("bias"):
            result = ops.bias_add(result, part.variable("bias", as_vector, [columns]))
    return result


def _heads(x: Tensor, count: int) -> Tensor:
    """(batch, steps, heads · size) as (batch, heads, steps, size)."""
    features = x.shape[-1]
    size = None if features is None else features // count
    return ops.transpose(ops.reshape(x, [*ops.dims(x)[:2], count, size]), [0, 2, 1, 3])


def _output(call: Call, query: Tensor, found: Tensor) -> Tensor:
    """What the heads found, (batch, heads, steps, size), projected to the output."""
    part = _part(call, "attention_output")
    kernel = part.stored_shape("kernel")
    joined = ops.transpose(found, [0, 2, 1, 3])
    flat = ops.reshape(joined, [*ops.dims(joined)[:2], math.prod(kernel[:2])])
    if call.config.flag("use_gate", False):
        flat = flat * sigmoid(_projected(call, "gate", query))
    result = _affine(call, part, flat, kernel[:2], kernel[2:])
    if len(kernel) == 3:
        return result
    return ops.reshape(result, [*ops.dims(result)[:2], *kernel[2:]])


def _passed(call: Call, query: Tensor) -> Tensor | None:
    """The mask of the result."""
    return query.mask if call.meaning.of("attention_masks") == "all" else None


def _allowed(call: Call, query: Tensor, value: Tensor, key: Tensor) -> Tensor | None:
    """Which queries may see which values: broadcasts to (batch, heads, queries, values)."""
    found: Tensor | None = None
    if call.meaning.of("attention_masks") == "all":
        asking = _given_mask(call, "query", query)
        seen = _given_mask(call, "value", value)
        if key is not value:
            seen = _both(seen, _given_mask(call, "key", key))
        found = None if asking is None else ops.expand_dims(asking, 2)
        found = _both(found, None if seen is None else ops.expand_dims(seen, 1))
    if call.kwargs.get("use_causal_mask"):
        found = _both(found, ops.expand_dims(_causal(query, value), 0))
    window = call.config.get("sliding_window", None)
    if window is not None:
        found = _both(found, ops.expand_dims(_near(query, value, int(window)), 0))
    given = call.kwargs.get("attention_mask")
    if given is not None:
        found = _both(ops.cast(given, "bool"), found)
    return None if found is None else _with_heads(found)


def _given_mask(call: Call, name: str, x: Tensor) -> Tensor | None:
    """A mask given by name, or the tensor's own."""
    given = call.kwargs.get(f"{name}_mask")
    return given if isinstance(given, Tensor) else x.mask


def _near(query: Tensor, value: Tensor, window: int) -> Tensor:
    """(queries, values) that are less than `window` apart."""
    rows = ops.expand_dims(_places(query, 1), 1)
    apart = ops.unary("Abs", rows - ops.expand_dims(_places(value, 1), 0))
    return ops.less(apart, window)


def _with_heads(mask: Tensor) -> Tensor:
    """A mask of (batch, queries, values) or fewer dimensions, for all heads alike."""
    while mask.rank < 4:
        mask = ops.expand_dims(mask, -3 if mask.rank > 2 else 0)
    return mask


def _weighted(call: Call, scores: Tensor, allowed: Tensor | None) -> Tensor:
    """The softmax of scores along the values.

    For queries that may see nothing all values count the same; or none, where Keras 3 has the
    weights at hand.
    """
    if allowed is None:
        return ops.softmax(scores)
    weights = ops.softmax(_lowered(scores, allowed))
    if _weights_known(call) and call.meaning.of("softmax_mask") == "zeroed":
        weights = weights * ops.cast(allowed, weights.dtype)
    return weights
