"""What the layers behind an input demand of its values: ids below a vocabulary's size, masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from converter.source import config as configs
from converter.source.model import SourceModel

# Layers whose argument bounds the integers they can take.
BOUNDED_BY = {"Embedding": "input_dim", "CategoryEncoding": "num_tokens"}

# Layers that hand values on as they are.
PASS_THROUGH = {
    *("InputLayer", "Reshape", "Flatten", "Permute", "RepeatVector", "Dropout"),
    *("SpatialDropout1D", "Cropping1D", "ZeroPadding1D"),
}
WRAPPERS = ("TimeDistributed",)
MAX_STEPS = 10_000

Node = dict[str, Any]


@dataclass(frozen=True)
class Demand:
    """vocabulary: ids must be below this. mask_value: the value that masks a time step."""

    vocabulary: int | None = None
    mask_value: float | None = None


def demands(source: SourceModel) -> dict[str, Demand]:
    """Demand by input key, for the inputs that have one."""
    node = source.config
    if not node:
        return {}
    starts = [port.layer for port in source.inputs]
    found = {}
    for position, port in enumerate(source.inputs):
        demand = _combine(list(_behind(node, position, starts)))
        if demand != Demand():
            found[port.key] = demand
    return found


def _combine(layers: list[Node]) -> Demand:
    sizes = []
    mask_value = None
    for layer in layers:
        config = layer["config"]
        argument = BOUNDED_BY.get(layer["class_name"])
        if argument and isinstance(config.get(argument), int):
            sizes.append(int(config[argument]))
            if config.get("mask_zero"):
                mask_value = 0.0
        if layer["class_name"] == "Masking":
            mask_value = float(config.get("mask_value", 0.0))
    return Demand(min(sizes, default=None), mask_value)


def _behind(node: Node, position: int, starts: list[str]) -> Iterator[Node]:
    """Bounded and masking layers that values of the input at `position` reach unchanged."""
    layers = configs.sublayers(node)
    if node["class_name"] == "Sequential":
        for layer in layers:
            yield from _met(layer, 0)
            if not _passes(layer):
                return
        return
    if position >= len(starts):
        return
    reached = [starts[position]]
    seen: set[str] = set()
    while reached and len(seen) < MAX_STEPS:
        name = reached.pop()
        if name in seen:
            continue
        seen.add(name)
        for layer in layers:
            for place in _places(layer, name):
                yield from _met(layer, place)
                if _passes(layer):
                    reached.append(configs.name_of(layer))


def _met(layer: Node, place: int) -> Iterator[Node]:
    """The layer itself if it bounds or masks, or what is behind that input of a nested model."""
    if layer.get("class_name") in configs.MODELS:
        inputs, _ = configs.ports(layer)
        yield from _behind(layer, place, [port.layer for port in inputs])
        return
    config = layer.get("config")
    if not isinstance(config, dict):
        return
    if layer["class_name"] in WRAPPERS and isinstance(config.get("layer"), dict):
        yield from _met(config["layer"], place)
    if layer["class_name"] in BOUNDED_BY or layer["class_name"] == "Masking":
        yield layer


def _passes(layer: Node) -> bool:
    config = layer.get("config")
    if layer.get("class_name") in WRAPPERS and isinstance(config, dict):
        return _passes(config.get("layer") or {})
    return layer.get("class_name") in PASS_THROUGH


def _places(layer: Node, name: str) -> list[int]:
    """At which positions of its arguments `layer` is called with the output of `name`."""
    places = []
    for inbound in layer.get("inbound_nodes") or []:
        tensors = list(_histories(inbound))
        places += [i for i, source in enumerate(tensors) if source == name]
    return places


def _histories(inbound: Any) -> Iterator[str]:
    """Names of the layers that an inbound node, of any dialect, takes its tensors from."""
    if isinstance(inbound, dict):
        if "keras_history" in inbound:
            yield str(inbound["keras_history"][0])
        else:
            for value in inbound.values():
                yield from _histories(value)
    elif isinstance(inbound, list):
        if len(inbound) >= 3 and isinstance(inbound[0], str) and isinstance(inbound[1], int):
            yield inbound[0]
        else:
            for value in inbound:
                yield from _histories(value)
