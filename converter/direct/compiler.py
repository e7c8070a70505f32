"""Walk a model's calls and have every layer build its part of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from converter.direct import registry
from converter.direct.architecture import Layer, Model, Node, Ref, is_model, model_of, refs
from converter.direct.call import Call, Weights, compute_dtype, tensors_in
from converter.direct.dtypes import FLOATS
from converter.direct.graph import Graph, Tensor, Values
from converter.direct.meanings import Meaning
from converter.direct.weights import Stored, assign, by_role
from converter.errors import NotDirect


@dataclass
class Compiler:
    """A graph under construction for one file.

    freeze: weights become constants instead of variables.
    """

    meaning: Meaning
    freeze: bool = False
    graph: Graph = field(default_factory=Graph)
    _variables: dict[tuple[str, str], Tensor] = field(default_factory=dict)

    def model(
        self, known: Model, weights: Mapping[str, Weights], inputs: Sequence[Tensor]
    ) -> list[Tensor]:
        """The outputs of a model called on `inputs`. weights: by the names of its layers."""
        if known.sequential:
            return self._chain(known, weights, inputs)
        if len(inputs) != len(known.inputs):
            raise NotDirect(
                f"A model of {len(known.inputs)} inputs is given {len(inputs)}",
                why="which is which cannot be told",
            )
        found: dict[Ref, Tensor] = dict(zip(known.inputs, inputs, strict=True))
        waiting = list(known.nodes)
        while waiting:
            ready = [node for node in waiting if all(ref in found for ref in _needs(node))]
            if not ready:
                names = ", ".join(sorted({node.layer for node in waiting})[:5])
                raise NotDirect("The model's calls lead nowhere", why=f"nothing feeds {names}")
            for node in ready:
                self._call_node(known, node, weights, found)
            done = set(map(id, ready))
            waiting = [node for node in waiting if id(node) not in done]
        missing = sorted({ref.layer for ref in known.outputs if ref not in found})
        if missing:
            raise NotDirect("The model's calls lead nowhere", why=f"nothing gives {missing[0]}")
        return [found[ref] for ref in known.outputs]

    def _chain(
        self, known: Model, weights: Mapping[str, Weights], inputs: Sequence[Tensor]
    ) -> list[Tensor]:
        """A Sequential model: every layer is called on what the one before it gave."""
        given: Sequence[Tensor] = list(inputs)
        for node in known.nodes:
            first = given[0] if len(given) == 1 else list(given)
            given = self.call(known.layers[node.layer], weights.get(node.layer, {}), (first,), {})
        return list(given)

    def _call_node(
        self, known: Model, node: Node, weights: Mapping[str, Weights], found: dict[Ref, Tensor]
    ) -> None:
        layer = known.layers[node.layer]
        if layer.class_name == "InputLayer":
            return
        args = tuple(_filled(a, found) for a in node.args)
        kwargs = {key: _filled(value, found) for key, value in node.kwargs.items()}
        outputs = self.call(layer, weights.get(node.layer, {}), args, kwargs)
        for place, tensor in enumerate(outputs):
            found[Ref(node.layer, node.index, place)] = tensor

    def call(
        self, layer: Layer, weights: Weights, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> list[Tensor]:
        """The outputs of one call of a layer or nested model."""
        if kwargs.get("training") is True and self.meaning.of("training") == "the call":
            raise layer.config.refuse("it is called with training=True, so it is random or adapts")
        with self.graph.scope(layer.name):
            if is_model(layer):
                inner = model_of(layer, layer.path)
                held = {name: _below(weights, name) for name in inner.layers}
                return self.model(inner, held, self._inputs(layer, inner, args))
            return self._build(Call(self, layer, weights, self._cast(layer, args), kwargs))

    def _inputs(self, layer: Layer, known: Model, args: tuple[Any, ...]) -> list[Tensor]:
        """What a model is called on, in the order of its inputs.

        A dict goes by its keys where the model was made of one too; else by the names of the inputs
        or, in older Kerases, still by its keys.
        """
        given = args[0] if len(args) == 1 else None
        names = [ref.layer for ref in known.inputs]
        of_dict = isinstance(layer.config.values.get("input_layers"), dict)
        if not isinstance(given, dict) or of_dict or names == sorted(given):
            return list(tensors_in(args))
        rule = self.meaning.of("dict_inputs")
        if rule == "unsure" or set(names) != set(given):
            raise layer.config.refuse(
                f"it is called on {sorted(given)}, and its inputs are {names}"
            )
        return list(tensors_in(args)) if rule == "keys" else [given[name] for name in names]

    def _build(self, call: Call) -> list[Tensor]:
        entry = registry.entry(call.layer)
        try:
            result = entry.build(call)
        except (ValueError, TypeError, KeyError, IndexError, ZeroDivisionError) as error:
            # Configs and weights are whatever the file says; they need not fit.
            raise call.refuse(f"{type(error).__name__}: {error}") from error
        outputs = [result] if isinstance(result, Tensor) else list(result)
        if entry.masks == "own":
            return outputs
        mask = call.mask if entry.masks == "pass" else None
        return [output.with_mask(mask) for output in outputs]

    def _cast(self, layer: Layer, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Float inputs in the dtype that the layer computes in, as TensorFlow 2's Keras casts."""
        from converter.direct import ops

        wanted = compute_dtype(layer.config)
        if wanted not in FLOATS or wanted is None or not registry.entry(layer).autocast:
            return args
        if self.meaning.of("autocast") == "no":
            return args
        cast = {
            id(t): ops.cast(t, wanted)
            for t in tensors_in(args)
            if t.dtype in FLOATS and t.dtype != wanted
        }
        return args if not cast else tuple(_swapped(a, cast) for a in args)

    def variable(
        self, layer: Layer, role: str, dtype: str, shape: tuple[int, ...], values: Values
    ) -> Tensor:
        """A weight of a layer, made when it is first asked for."""
        key = (layer.path, role)
        if key not in self._variables:
            if self.freeze:
                self._variables[key] = self.graph.stored(role, dtype, shape, values)
            else:
                self._variables[key] = self.graph.variable(role, dtype, shape, values)
        return self._variables[key]


def weights_of(known: Model, groups: Mapping[str, Sequence[Stored]]) -> dict[str, Weights]:
    """The weights of a model's layers, from the groups of the file.

    Groups have the names of the layers; where a file was written by a model that called them
    differently, they are taken in their order, as Keras does. Raises NotDirect.
    """
    wanted = {name: registry.roles_of(layer) for name, layer in known.layers.items()}
    needy = [name for name, roles in wanted.items() if roles]
    filled = [name for name, stored in groups.items() if stored]
    source = {name: name for name in needy}
    if not set(needy) <= set(filled):
        if len(needy) != len(filled):
            raise NotDirect(
                f"The file has weights for {len(filled)} layers, the model has {len(needy)}",
                why="their names differ, and they cannot be matched by their order",
            )
        source = dict(zip(needy, filled, strict=True))
    elif idle := [name for name in known.layers if name in filled and name not in needy]:
        raise known.layers[idle[0]].config.refuse(
            "the file has weights for it, of which nothing is known"
        )
    found: dict[str, Weights] = {}
    for name in needy:
        stored = groups[source[name]]
        assigned = assign(wanted[name], stored)
        if assigned is None:
            raise known.layers[name].config.refuse(
                f"it has {len(wanted[name])} weights and the file {len(stored)}"
            )
        found[name] = by_role(assigned)
    return found


def _below(weights: Weights, name: str) -> Weights:
    return {key[1:]: stored for key, stored in weights.items() if key[0] == name}


def _needs(node: Node) -> list[Ref]:
    return [*refs(list(node.args)), *refs(node.kwargs)]


def _filled(value: Any, found: Mapping[Ref, Tensor]) -> Any:
    """A nest of arguments with tensors in place of their references."""
    if isinstance(value, Ref):
        return found[value]
    if isinstance(value, dict):
        return {key: _filled(inner, found) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(inner, found) for inner in value]
    return value


def _swapped(value: Any, others: Mapping[int, Tensor]) -> Any:
    """A nest of arguments with some tensors replaced."""
    if isinstance(value, Tensor):
        return others.get(id(value), value)
    if isinstance(value, dict):
        return {key: _swapped(inner, others) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_swapped(inner, others) for inner in value]
    return value
