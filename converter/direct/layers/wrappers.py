"""Layers that hold another: TimeDistributed and Bidirectional.

Sources: keras/layers/wrappers.py of Keras 2.2.4, keras/src/layers/rnn/{time_distributed,
bidirectional}.py of Keras 2.15 and 3.15.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from converter.direct import ops
from converter.direct.architecture import Layer
from converter.direct.call import Call, tensors_in
from converter.direct.graph import Tensor
from converter.direct.ops.shaping import Dim
from converter.direct.registry import below, layer, roles_of
from converter.direct.weights import Role
from converter.source.config import name_of


def _all_held(known: Layer, inner: Sequence[Layer]) -> list[Role]:
    """The weights of held layers, none of them trainable where the wrapper is not."""
    found = [role for each in inner for role in below(each.name, roles_of(each))]
    if known.config.values.get("trainable", True) is False:
        found = [replace(role, trainable=False) for role in found]
    return found


def _distributed(known: Layer) -> Sequence[Role]:
    return _all_held(known, [known.inner(known.config.get("layer"))])


@layer("TimeDistributed", held=_distributed, masks="own")
def time_distributed(call: Call) -> Sequence[Tensor]:
    """A layer called on every step: on all of them at once, as one longer batch."""
    first = call.inputs[0]
    if first.rank < 3:
        raise call.refuse(f"it is called on a tensor of rank {first.rank}")
    steps = ops.dim(first, 1)
    mask = call.mask
    rule = call.meaning.of("distributed_mask")
    flat = [_merged(x) for x in call.inputs]
    if mask is not None and rule != "hidden":
        flat[0] = flat[0].with_mask(_merged(mask))
    results = call.run(call.config.get("layer"), [flat if len(flat) > 1 else flat[0]])
    outputs = [_parted(y, steps) for y in results]
    if rule == "asked":
        mask = _own_mask(mask, results[0].mask, steps)
    return [outputs[0].with_mask(mask), *outputs[1:]]


def _own_mask(mask: Tensor | None, inner: Tensor | None, steps: Dim) -> Tensor | None:
    """The mask of the layer, for every step; else that of the steps, which are masked as wholes."""
    if inner is not None:
        return _parted(inner, steps)
    if mask is None or mask.rank == 2:
        return mask
    return ops.reduce("Any", mask, list(range(2, mask.rank)))


def _merged(x: Tensor) -> Tensor:
    """Batch and steps as one dimension."""
    return ops.reshape(x, [-1, *ops.dims(x)[2:]])


def _parted(x: Tensor, steps: Dim) -> Tensor:
    """Batch and steps as two dimensions again."""
    return ops.reshape(x, [-1, steps, *ops.dims(x)[1:]])


def _directions(known: Layer) -> tuple[Layer, Layer]:
    """The layers of a Bidirectional, as Keras calls them."""
    raw = known.config.get("layer")
    if not isinstance(raw, dict) or not isinstance(raw.get("config"), dict):
        raise known.config.refuse("its 'layer' is no layer")
    config = raw["config"]
    back = known.config.get("backward_layer", None)
    if back is None:
        back = {**raw, "config": {**config, "go_backwards": not config.get("go_backwards", False)}}
    elif not isinstance(back, dict) or "class_name" not in back:
        # TensorFlow 1.14 to 2.2 write its config alone.
        raise known.config.refuse("its 'backward_layer' does not say of which class it is")
    return known.inner(_called(raw, "forward")), known.inner(_called(back, "backward"))


def _called(raw: dict[str, Any], direction: str) -> dict[str, Any]:
    """A layer under the name that its weights have in the file."""
    name = name_of(raw)
    prefix = f"{direction}_"
    return {**raw, "name": name if name.startswith(prefix) else prefix + name}


def _both(known: Layer) -> Sequence[Role]:
    return _all_held(known, _directions(known))


@layer("Bidirectional", held=_both, masks="own")
def bidirectional(call: Call) -> Sequence[Tensor]:
    """A recurrent layer and one that takes the steps the other way, merged."""
    config = call.config
    if config.get("num_constants", None) or call.kwargs.get("constants") is not None:
        raise call.refuse("it is called with constants")
    x, *states = call.inputs
    named = {"mask": call.mask} if call.kwargs.get("mask") is not None else {}
    states += tensors_in([call.args[1:2], call.kwargs.get("initial_state")])
    half = len(states) // 2
    ahead, back = _directions(call.layer)
    forward = call.run(_silenced(call, ahead), [[x, *states[:half]]], **named)
    backward = call.run(_silenced(call, back), [[x, *states[half:]]], **named)
    sequences = ahead.config.flag("return_sequences", False)
    y, mirrored = forward[0], backward[0]
    if sequences:
        mirrored = ops.reverse(mirrored, [1])
    mask = call.mask if sequences else None
    merged = [output.with_mask(mask) for output in _merge(call, y, mirrored)]
    return [*merged, *forward[1:], *backward[1:]]


def _silenced(call: Call, inner: Layer) -> dict[str, Any]:
    """A direction's layer, whose masked steps are zeros if the writer's Keras makes them so."""
    config = dict(inner.config.values)
    if call.meaning.of("bidirectional_mask") == "zeros":
        config["zero_output_for_mask"] = inner.config.flag("return_sequences", False)
    return {**inner.raw, "config": config}


def _merge(call: Call, y: Tensor, mirrored: Tensor) -> list[Tensor]:
    """The outputs of both directions by the merge mode."""
    match call.config.get("merge_mode", "concat"):
        case None:
            return [y, mirrored]
        case "concat":
            return [ops.concat([y, mirrored], -1)]
        case "sum":
            return [y + mirrored]
        case "ave":
            return [(y + mirrored) / 2]
        case "mul":
            return [y * mirrored]
        case other:
            raise call.refuse(f"its 'merge_mode' is {other!r}")
