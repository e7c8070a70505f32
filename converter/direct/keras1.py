"""A Keras 1 file as Keras 2 would have written it: its config, and the names of its weights.

    config ──► translated ──► the same model in the words of Keras 2
    groups ──► renamed ────► its weights under "layer/weight", not "layer_weight"

Which layers become which, and what they store, is in keras1_layers.py. The config is data
throughout; inbound nodes are the same in both.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from converter.direct.config import Config
from converter.direct.keras1_layers import RULES, Old, Rule
from converter.direct.weights import STORED, Stored
from converter.source import config as configs

Node = dict[str, Any]
# A tensor in inbound_nodes: layer, call, output.
Place = list[Any]

MODELS = ("Sequential", "Model", "Container")
# What every layer has in its config, in both.
KEPT = ("name", "trainable", "batch_input_shape")
# Weights are called after their layer and their place in it.
NAME = re.compile(
    r"^(.+)_("
    r"[WUb](?:_[a-z])?|W_carry|b_carry|gamma|beta|running_mean|running_std"
    r"|alphas|betas|[ta]_left|[ta]_right|depthwise_kernel|pointwise_kernel"
    r")((?:_\d+)?(?::0)?)$"
)


def translated(config: Mapping[str, Any]) -> Node:
    """A model's config in the words of Keras 2. Raises NotDirect for what has no counterpart."""
    return _node(dict(config), "", _ordering(config))


def renamed(groups: Mapping[str, Sequence[Stored]]) -> dict[str, list[Stored]]:
    """Weights under the names that Keras 2 would have given them."""
    return {
        layer: [dataclasses.replace(weight, name=_renamed(weight.name)) for weight in stored]
        for layer, stored in groups.items()
    }


def _renamed(name: str) -> str:
    """ "dense_1_W:0" as "dense_1/W:0"."""
    return NAME.sub(r"\1/\2\3", name)


def _ordering(config: Any) -> str | None:
    """The order of dimensions of the layers whose config does not say it, though Keras 1 took it
    from the writer's settings. It is that of all others; TensorFlow's, its default, where none says
    it; unknown where they differ.
    """
    found = set(_orderings(config))
    if len(found) > 1:
        return None
    return found.pop() if found else "tf"


def _orderings(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            if isinstance(current.get("dim_ordering"), str):
                yield current["dim_ordering"]
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)


def _node(raw: Node, parent: str, ordering: str | None) -> Node:
    """A layer's or model's node."""
    name = configs.name_of(raw)
    path = f"{parent}/{name}" if parent and name else name
    values = raw.get("config")
    class_name = str(raw.get("class_name"))
    if class_name in MODELS:
        return _model(raw, path, ordering)
    config = Config(values if isinstance(values, dict) else {}, path, class_name)
    return {**raw, **_layer(Old(config, ordering), path, ordering)}


def _model(raw: Node, path: str, ordering: str | None) -> Node:
    """A model's node. A Sequential that begins by merging is a functional model."""
    inner = configs.sublayers(raw)
    values = raw.get("config")
    if isinstance(values, list) and inner and _branches(inner[0]):
        row = Row(path)
        end = row.sequential(inner)
        values = {"input_layers": row.inputs, "output_layers": [end]}
        raw, inner = {**raw, "class_name": "Model"}, row.layers
    layers = [_node(layer, path, ordering) for layer in inner]
    if isinstance(values, dict):
        return {**raw, "class_name": "Model", "config": {**values, "layers": layers}}
    return {**raw, "config": layers}


def _branches(raw: Node) -> list[Node]:
    """The models that a Merge at the head of a Sequential begins with."""
    return configs.sublayers(raw) if raw.get("class_name") == "Merge" else []


@dataclass
class Row:
    """The layers of a Sequential that begins by merging models, those of the models before them.

    The file has their weights in the same row. Source: Sequential.flattened_layers.
    """

    path: str
    layers: list[Node] = dataclasses.field(default_factory=list)
    inputs: list[Place] = dataclasses.field(default_factory=list)

    def sequential(self, nodes: Sequence[Node]) -> Place:
        """Add the layers of a Sequential; where it ends."""
        first, *rest = nodes
        branches = _branches(first)
        at = self._add(first, map(self._branch, branches)) if branches else self._head(first)
        for node in rest:
            at = self._add(node, [at])
        return at

    def _branch(self, raw: Node) -> Place:
        """Add what is merged; where it ends."""
        inner = configs.sublayers(raw)
        values = raw.get("config")
        if isinstance(values, list) and inner:
            return self.sequential(inner)
        if not isinstance(values, dict) or not inner:
            return self._head(raw)
        ends = [*_places(values, "input_layers"), *_places(values, "output_layers")]
        if len(ends) != 2:
            config = Config(values, f"{self.path}/{configs.name_of(raw)}", "Model")
            raise config.refuse("it is merged, and has not one input and one output")
        self.layers += inner
        self.inputs.append(ends[0])
        return ends[1]

    def _head(self, raw: Node) -> Place:
        """Add a layer that takes an input of the model."""
        name = configs.name_of(raw)
        if raw.get("class_name") == "InputLayer":
            at = self._add(raw, [])
        else:
            given = {"class_name": "InputLayer", "config": {"name": f"{name}_input"}}
            at = self._add(given, [])
        self.inputs.append(at)
        return at if raw.get("class_name") == "InputLayer" else self._add(raw, [at])

    def _add(self, raw: Node, places: Iterable[Place]) -> Place:
        calls = [list(places)]
        name = configs.name_of(raw)
        self.layers.append({**raw, "name": name, "inbound_nodes": calls if calls[0] else []})
        return [name, 0, 0]


def _places(values: Node, key: str) -> list[Place]:
    found = values.get(key)
    return found if isinstance(found, list) else []


def _layer(old: Old, path: str, ordering: str | None) -> Node:
    """The class and config of a layer that is no model."""
    rule = RULES.get(old.config.class_name)
    if rule is None:
        raise old.config.refuse("there is no rule for this class of Keras 1")
    try:
        made = _applied(rule, old)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        # Configs are whatever the file says.
        raise old.config.refuse(f"{type(error).__name__}: {error}") from error
    values = made["config"]
    if isinstance(values.get("layer"), dict):
        values["layer"] = _node(values["layer"], path, ordering)
    return made


def _applied(rule: Rule, old: Old) -> Node:
    given = old.config.values
    values: Node = {key: given[key] for key in KEPT if key in given}
    for key, value in rule.keys.items():
        if callable(value):
            values[key] = value(old)
        elif value in given:
            values[key] = given[value]
    if rule.weights is not None:
        values[STORED] = tuple(rule.weights(old))
    class_name = rule.class_name
    return {
        "class_name": class_name if isinstance(class_name, str) else class_name(old),
        "config": values,
    }
