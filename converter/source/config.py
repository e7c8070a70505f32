"""Read a model's config, in any dialect, as layers, inputs and outputs.

Dialects differ in where things stand, not in what they are: Sequential configs are lists (up to
Keras 2.2.2) or dicts; shapes are `batch_input_shape` or `batch_shape`; inbound nodes are nested
lists or, in Keras 3, dicts of arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from converter.errors import ConfigUnreadable
from converter.source.model import Layer, Port, Shape

MAX_DEPTH = 100
MODELS = ("Model", "Functional", "Sequential")

Node = dict[str, Any]


def sublayers(node: Node) -> list[Node]:
    """The layer nodes directly inside a model's node; an empty list for any other layer."""
    config = node.get("config")
    if isinstance(config, list):
        return [n for n in config if isinstance(n, dict)]
    if isinstance(config, dict) and isinstance(config.get("layers"), list):
        return [n for n in config["layers"] if isinstance(n, dict)]
    return []


def name_of(node: Node) -> str:
    """A layer node's name."""
    config = node.get("config")
    inner = config.get("name") if isinstance(config, dict) else None
    return str(node.get("name") or inner or node.get("class_name", "?"))


def check(config: Any) -> Node:
    """The parsed model_config as a model's node. Raises ConfigUnreadable if it is none."""
    good = isinstance(config, dict) and "class_name" in config and "config" in config
    if not good:
        raise ConfigUnreadable(
            "The model's config has no class_name and config",
            fix="Save the model again with the Keras that made it",
        )
    if not sublayers(config):
        raise ConfigUnreadable(
            f"The config of this {config['class_name']} lists no layers",
            why="it is a subclassed model, whose architecture is code, or an empty one",
            fix="Build the model in code, load these weights and save it as a functional model",
        )
    return dict(config)


def layers(node: Node) -> Iterator[Layer]:
    """Every layer of the model, nested models, wrapped layers and cells included."""
    # (node, path of its parent, role), a stack so that deep nesting cannot exhaust Python's own
    waiting = [(n, "", "layer", 1) for n in reversed(sublayers(node))]
    while waiting:
        layer, parent, role, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ConfigUnreadable(f"Layers are nested more than {MAX_DEPTH} deep at {parent}")
        config = layer.get("config")
        path = f"{parent}/{name_of(layer)}" if parent else name_of(layer)
        yield Layer(
            path=path,
            name=name_of(layer),
            class_name=str(layer.get("class_name")),
            config=config if isinstance(config, dict) else {},
            role=role,
            calls=max(1, len(_list(layer.get("inbound_nodes")))),
            module=layer.get("module"),
            registered_name=layer.get("registered_name"),
        )
        inside = [(n, path, "layer", depth + 1) for n in sublayers(layer)]
        inside += [(n, path, role, depth + 1) for role, n in _held(config)]
        waiting.extend(reversed(inside))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _held(config: Any) -> Iterator[tuple[str, Node]]:
    """Layers that a layer holds in its arguments: wrapped ones and cells."""
    if not isinstance(config, dict):
        return
    for key, role in (("layer", "wrapped"), ("backward_layer", "wrapped"), ("cell", "cell")):
        if isinstance(config.get(key), dict):
            yield role, config[key]
    for cell in _list(config.get("cells")):
        if isinstance(cell, dict):
            yield "cell", cell


def ports(node: Node) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """(inputs, outputs) of a model, in the model's own order, each key once."""
    inner = sublayers(node)
    if node["class_name"] == "Sequential":
        return _sequential_ports(node, inner)
    by_name = {name_of(n): n for n in inner}
    config = node["config"]
    if not isinstance(config, dict):
        raise ConfigUnreadable(f"The config of this {node['class_name']} is not an object")
    inputs = [
        _input_port(name, by_name.get(name, {})) for name in _history(config.get("input_layers"))
    ]
    outputs = [Port(name, name) for name in _history(config.get("output_layers"))]
    return _unique(inputs), _unique(outputs)


def _sequential_ports(node: Node, inner: list[Node]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    found = [_head_port(first) for first in _heads(inner[0], 1)]
    config = node["config"]
    if found[0].shape is None and isinstance(config, dict):
        port = found[0]
        found[0] = Port(port.key, port.layer, _shape(config.get("build_input_shape")), port.dtype)
    last = name_of(inner[-1])
    return _unique(found), (Port(last, last),)


def _heads(first: Node, depth: int) -> list[Node]:
    """The layers that take the inputs of a Sequential model: one, unless it begins by merging
    models, which is for Keras 1 alone.
    """
    if first.get("class_name") != "Merge" or not sublayers(first) or depth > MAX_DEPTH:
        return [first]
    found = []
    for branch in sublayers(first):
        inner, config = sublayers(branch), branch.get("config")
        if isinstance(config, dict) and inner:
            names = _history(config.get("input_layers"))
            found += [n for name in names for n in inner if name_of(n) == name]
        else:
            found += _heads(inner[0], depth + 1) if inner else [branch]
    return found


def _head_port(first: Node) -> Port:
    port = _input_port(name_of(first), first)
    if first.get("class_name") == "InputLayer":
        return port
    return Port(f"{port.key}_input", port.layer, port.shape, port.dtype)


def _input_port(name: str, node: Node) -> Port:
    """What a layer node says of the input that enters there."""
    shape: Shape | None = None
    dtype: str | None = None
    depth = 0
    while node and depth < MAX_DEPTH:
        depth += 1
        config = node.get("config")
        if isinstance(config, dict):
            stated = config.get("batch_input_shape") or config.get("batch_shape")
            shape = shape or _shape(stated)
            dtype = dtype or dtype_name(config.get("input_dtype") or config.get("dtype"))
        inner = sublayers(node)
        if not inner:
            break
        # A nested model takes what its own first layer takes.
        node = inner[0]
    return Port(name, name, shape, dtype)


def dtype_name(value: Any) -> str | None:
    """A dtype, or a dtype policy in any dialect, as the name of the variables' dtype."""
    if isinstance(value, dict):
        config = value.get("config")
        value = config.get("name") if isinstance(config, dict) else None
    if not isinstance(value, str):
        return None
    return "float32" if value.startswith("mixed_") else value


def _shape(value: Any) -> Shape | None:
    if not isinstance(value, list) or not all(d is None or isinstance(d, int) for d in value):
        return None
    return tuple(value)


def _history(value: Any) -> list[str]:
    """Layer names of `input_layers` or `output_layers`: a list, one entry, or a dict of entries."""
    if isinstance(value, dict):
        # Keras flattens dicts in the order of their keys.
        value = [value[key] for key in sorted(value)]
    if not isinstance(value, list) or not value:
        raise ConfigUnreadable(
            "The functional model does not say which layers it starts or ends at"
        )
    if isinstance(value[0], str):
        value = [value]
    return [str(entry[0]) for entry in value if isinstance(entry, list) and entry]


def _unique(found: list[Port]) -> tuple[Port, ...]:
    """Keys that are the same get _1, _2, ... as tf.keras does for its output_names."""
    keys: list[str] = []
    for port in found:
        key, count = port.key, 0
        while key in keys:
            count += 1
            key = f"{port.key}_{count}"
        keys.append(key)
    return tuple(Port(k, p.layer, p.shape, p.dtype) for k, p in zip(keys, found, strict=True))


def training_calls(node: Node) -> tuple[str, ...]:
    """Names of layers called with `training=True`: they stay random or adaptive when served."""
    found: list[str] = []
    waiting: list[Any] = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            if _has_flag(current.get("inbound_nodes")):
                found.append(name_of(current))
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)
    return tuple(sorted(set(found)))


def _has_flag(inbound: Any) -> bool:
    waiting = [inbound]
    while waiting:
        current = waiting.pop()
        if isinstance(current, list):
            waiting.extend(current)
        elif isinstance(current, dict):
            if current.get("training") is True:
                return True
            waiting.extend(current.values())
    return False
