"""A model's config, in any dialect, as layers and the calls between them.

Dialects differ in how they write a call down: Keras 1 and 2 as nested lists, [layer, node, tensor,
arguments]; Keras 3 as the arguments themselves, with tensors as `__keras_tensor__`.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from converter.direct.config import Config
from converter.errors import ConfigUnreadable, NotDirect
from converter.source import config as configs

KERAS_TENSOR = "__keras_tensor__"
CONSTANT = "_CONSTANT_VALUE"


@dataclass(frozen=True)
class Ref:
    """Output `tensor` of call `node` of a layer."""

    layer: str
    node: int
    tensor: int


@dataclass(frozen=True)
class Node:
    """One call of a layer. args and kwargs: nested lists and dicts with Refs in them."""

    layer: str
    index: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Layer:
    """A layer as the file describes it. path: names from the outermost model inwards."""

    name: str
    class_name: str
    path: str
    config: Config = field(repr=False)
    raw: dict[str, Any] = field(repr=False)

    def inner(self, raw: Any) -> Layer:
        """A layer that this one holds: a wrapped one, a cell, a model's layer."""
        if not isinstance(raw, dict):
            raise self.config.refuse("it holds something that is no layer")
        return layer_of(raw, self.path)


@dataclass(frozen=True)
class Model:
    """Layers by name, their calls, and which tensors go in and come out.

    inputs is empty for a Sequential model, whose first call takes what the model is given.
    """

    layers: dict[str, Layer]
    nodes: tuple[Node, ...]
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    sequential: bool


def layer_of(raw: dict[str, Any], parent: str = "") -> Layer:
    """A layer's node of the config."""
    name = configs.name_of(raw)
    class_name = str(raw.get("class_name"))
    path = f"{parent}/{name}" if parent else name
    values = raw.get("config")
    config = Config(values if isinstance(values, dict) else {}, path, class_name)
    return Layer(name, class_name, path, config, raw)


def is_model(layer: Layer) -> bool:
    """Whether the layer is a model of layers."""
    return bool(configs.sublayers(layer.raw))


def model_of(layer: Layer, path: str) -> Model:
    """The model inside a layer. path: what its layers' paths begin with."""
    layers: dict[str, Layer] = {}
    for raw in configs.sublayers(layer.raw):
        inner = layer_of(_named(raw, layers), path)
        layers[inner.name] = inner
    config = layer.raw["config"]
    if isinstance(config, list) or "input_layers" not in config:
        return _sequential(layers)
    nodes = [node for inner in layers.values() for node in _nodes(inner)]
    outputs = list(_ports(config["output_layers"]))
    nodes, outputs = _from_0(layers, nodes, outputs)
    return Model(
        layers,
        tuple(nodes),
        tuple(_ports(config["input_layers"])),
        tuple(outputs),
        sequential=False,
    )


def _named(raw: dict[str, Any], taken: Container[str]) -> dict[str, Any]:
    """A layer's node with a name of its own: Sequential models in the lists that stand for others
    up to Keras 2.2.2 have none.
    """
    name = configs.name_of(raw)
    if name not in taken:
        return raw
    if isinstance(raw.get("config"), list) and "name" not in raw:
        free = (f"{name}_{count}" for count in itertools.count(1))
        return {**raw, "name": next(other for other in free if other not in taken)}
    raise NotDirect(
        f"The model has two layers that are called '{name}'",
        why="which weights belong to which cannot be told",
    )


def _from_0(
    layers: Mapping[str, Layer], nodes: Sequence[Node], outputs: Sequence[Ref]
) -> tuple[list[Node], list[Ref]]:
    """Calls and outputs that count the calls of every layer from 0.

    Keras counts those of a functional model from 1, since it was called once to be made, which the
    file leaves out. Keras 3 does so in `output_layers` alone. Keras 2 leaves out all calls whose
    results nobody uses, so that the least number in use is that of the first call. Source:
    Network.get_config, Keras 2.2.4; get_network_config, 2.15; Functional.get_config, 3.15.
    """
    if any(_calls_of_keras_3(layer) for layer in layers.values()):
        made = {name: 1 for name, layer in layers.items() if "input_layers" in layer.config.values}
        return list(nodes), [_moved(ref, made) for ref in outputs]
    first: dict[str, int] = {}
    for ref in [*refs([[list(node.args), node.kwargs] for node in nodes]), *outputs]:
        first[ref.layer] = min(ref.node, first.get(ref.layer, ref.node))
    return [_counted(node, first) for node in nodes], [_moved(ref, first) for ref in outputs]


def _calls_of_keras_3(layer: Layer) -> bool:
    calls = layer.raw.get("inbound_nodes")
    return isinstance(calls, list) and any(isinstance(c, dict) and "args" in c for c in calls)


def _counted(node: Node, first: Mapping[str, int]) -> Node:
    """A call whose arguments count every layer's calls from 0."""
    args = tuple(_each_ref(arg, first) for arg in node.args)
    return Node(node.layer, node.index, args, _each_ref(node.kwargs, first))


def _each_ref(value: Any, first: Mapping[str, int]) -> Any:
    if isinstance(value, Ref):
        return _moved(value, first)
    if isinstance(value, dict):
        return {key: _each_ref(inner, first) for key, inner in value.items()}
    if isinstance(value, list):
        return [_each_ref(inner, first) for inner in value]
    return value


def _moved(ref: Ref, first: Mapping[str, int]) -> Ref:
    return Ref(ref.layer, ref.node - first.get(ref.layer, 0), ref.tensor)


def _sequential(layers: dict[str, Layer]) -> Model:
    """A chain; an InputLayer at its head is no call."""
    names = [name for name, layer in layers.items() if layer.class_name != "InputLayer"]
    nodes = [Node(names[0], 0, (), {})] if names else []
    for before, name in itertools.pairwise(names):
        nodes.append(Node(name, 0, (Ref(before, 0, 0),), {}))
    outputs = (Ref(names[-1], 0, 0),) if names else ()
    return Model(layers, tuple(nodes), (), outputs, sequential=True)


def _nodes(layer: Layer) -> Iterator[Node]:
    """The calls of a layer, in the order the file has them."""
    inbound = layer.raw.get("inbound_nodes")
    for index, call in enumerate(inbound if isinstance(inbound, list) else []):
        if isinstance(call, dict) and "args" in call:
            args = tuple(_argument(a) for a in call.get("args", []))
            kwargs = {k: _argument(v) for k, v in call.get("kwargs", {}).items()}
            yield Node(layer.name, index, args, kwargs)
        elif isinstance(call, dict):
            kwargs = {}
            yield Node(layer.name, index, (_entry(layer, call, kwargs),), kwargs)
        elif isinstance(call, list):
            yield _listed(layer, index, call)


def _listed(layer: Layer, index: int, call: list[Any]) -> Node:
    """A call of Keras 1 and 2: a list of tensors, the arguments with each of them.

    tf.keras keeps the nesting of the first argument, and writes one tensor alone without a list.
    """
    if call and isinstance(call[0], str):
        call = [call]
    kwargs: dict[str, Any] = {}
    first = [_entry(layer, entry, kwargs) for entry in call]
    return Node(layer.name, index, (first[0] if len(first) == 1 else first,), kwargs)


def _entry(layer: Layer, entry: Any, kwargs: dict[str, Any]) -> Any:
    """One tensor of a call, whose arguments are added to `kwargs`."""
    if isinstance(entry, dict):
        return {key: _entry(layer, value, kwargs) for key, value in entry.items()}
    if not isinstance(entry, list) or not entry:
        raise layer.config.refuse(f"its call has {entry!r} for a tensor")
    if isinstance(entry[0], list):
        return [_entry(layer, inner, kwargs) for inner in entry]
    if len(entry) < 3 or not isinstance(entry[0], str):
        raise layer.config.refuse(f"its call has {entry!r} for a tensor")
    if len(entry) > 3 and isinstance(entry[3], dict):
        kwargs.update({key: _keyword(value) for key, value in entry[3].items()})
    if entry[0] == CONSTANT:
        return _keyword(entry[2])
    return Ref(entry[0], int(entry[1]), int(entry[2]))


def _keyword(value: Any) -> Any:
    """An argument by name: tensors among them are [layer, node, tensor]."""
    if isinstance(value, list):
        if len(value) in (3, 4) and isinstance(value[0], str) and _whole(value[1]):
            if value[0] == CONSTANT:
                return _keyword(value[2])
            if _whole(value[2]):
                return Ref(value[0], value[1], value[2])
        return [_keyword(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _keyword(inner) for key, inner in value.items()}
    return value


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _argument(value: Any) -> Any:
    """An argument of a call of Keras 3."""
    if isinstance(value, dict):
        if value.get("class_name") == KERAS_TENSOR:
            name, node, tensor = value["config"]["keras_history"]
            return Ref(name, int(node), int(tensor))
        return {key: _argument(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_argument(inner) for inner in value]
    return value


def refs(value: Any) -> Iterator[Ref]:
    """Every tensor in a nest of arguments."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from refs(inner)


def _ports(value: Any) -> Iterator[Ref]:
    """`input_layers` or `output_layers`: a list, one entry, or a dict of entries."""
    if isinstance(value, dict):
        # Keras flattens dicts in the order of their keys.
        value = [value[key] for key in sorted(value)]
    if not isinstance(value, Sequence) or not value:
        raise ConfigUnreadable("The model does not say which layers it starts or ends at")
    for entry in [value] if isinstance(value[0], str) else value:
        yield Ref(str(entry[0]), int(entry[1]), int(entry[2]))
