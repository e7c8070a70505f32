"""One call of a layer, as the function that builds it sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from converter.direct.architecture import Layer
from converter.direct.config import Config
from converter.direct.dtypes import FLOATS
from converter.direct.graph import Graph, Tensor
from converter.direct.meanings import Meaning
from converter.direct.weights import Array, Stored, as_dtype
from converter.errors import NotDirect
from converter.source.config import dtype_name

if TYPE_CHECKING:
    from converter.direct.compiler import Compiler

# Stored weights by the names of the layers that hold them, and their role.
Weights = Mapping[tuple[str, ...], Stored]


@dataclass(frozen=True)
class Call:
    """A layer with its weights, called with arguments in which tensors are Tensors.

    args[0] is what the layer is called on: a tensor, or a list or dict of them.
    """

    compiler: Compiler
    layer: Layer
    weights: Weights
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @property
    def config(self) -> Config:
        """The layer's config."""
        return self.layer.config

    @property
    def graph(self) -> Graph:
        """The graph to build in."""
        return self.compiler.graph

    @property
    def meaning(self) -> Meaning:
        """What the writer means."""
        return self.compiler.meaning

    @property
    def inputs(self) -> list[Tensor]:
        """The tensors of the first argument."""
        return list(tensors_in(self.args[0])) if self.args else []

    @property
    def x(self) -> Tensor:
        """The one tensor the layer is called on. Raises NotDirect where there are several."""
        if len(self.inputs) != 1:
            raise self.refuse(f"it is called on {len(self.inputs)} tensors, not one")
        return self.inputs[0]

    @property
    def mask(self) -> Tensor | None:
        """The mask of the first input, or the one given by name."""
        given = self.kwargs.get("mask")
        if given is not None:
            if not isinstance(given, Tensor):
                raise self.refuse("its mask is no tensor")
            return given
        return self.inputs[0].mask if self.inputs else None

    def refuse(self, why: str) -> NotDirect:
        """The error for a layer that cannot be converted here."""
        return self.config.refuse(why)

    def has(self, role: str) -> bool:
        """Whether the layer has a weight in this role."""
        return (role,) in self.weights

    def stored_shape(self, role: str) -> tuple[int, ...]:
        """The shape of a weight in the file."""
        return self._stored(role).shape

    def stored_dtype(self, role: str) -> str:
        """The dtype of a weight in the file."""
        return self._stored(role).dtype

    def variable(
        self,
        role: str,
        change: Callable[[Array], Array] | None = None,
        shape: Sequence[int] | None = None,
        *,
        compute: bool = True,
        dtype: str | None = None,
    ) -> Tensor:
        """A weight, once for all calls of the layer.

        change: turns the stored array into the one to keep, of `shape` where that differs; without
        it the weight is never held in memory as a whole. compute: as the dtype to compute in.
        dtype: to keep it in, where that is not the config's.
        """
        stored = self._stored(role)
        dtype = dtype or self.variable_dtype or stored.dtype

        def values() -> Iterator[Array]:
            if change is None:
                yield from stored.pieces(dtype)
            else:
                yield as_dtype(np.ascontiguousarray(change(stored.read())), dtype)

        wanted = tuple(stored.shape if shape is None else shape)
        made = self.compiler.variable(self.layer, role, dtype, wanted, values)
        return self.cast(made) if compute else made

    def weight(self, role: str) -> Array:
        """The stored array of a (small) weight, for what is worked out while converting."""
        return self._stored(role).read()

    @property
    def variable_dtype(self) -> str | None:
        """The dtype of the layer's variables, where its config says it."""
        return dtype_name(self.config.values.get("dtype"))

    @property
    def compute_dtype(self) -> str | None:
        """The dtype the layer computes in, where its config says it."""
        return compute_dtype(self.config)

    def cast(self, x: Tensor) -> Tensor:
        """A float tensor in the dtype the layer computes in."""
        from converter.direct import ops

        wanted = self.compute_dtype
        floats = wanted in FLOATS and x.dtype in FLOATS
        return ops.cast(x, wanted) if floats and wanted else x

    def activation(self, x: Tensor, key: str = "activation") -> Tensor:
        """The activation that the config names, applied."""
        from converter.direct import activations

        return activations.apply(self, self.config.get(key, None), x)

    def run(self, raw: Any, args: Sequence[Any], **kwargs: Any) -> list[Tensor]:
        """Call a layer that this one holds, with the weights that belong to it."""
        inner = self.layer.inner(raw)
        return self.compiler.call(inner, self.below(inner.name), tuple(args), kwargs)

    def below(self, name: str) -> Weights:
        """The weights of a layer that this one holds."""
        return {key[1:]: stored for key, stored in self.weights.items() if key[0] == name}

    def _stored(self, role: str) -> Stored:
        found = self.weights.get((role,))
        if found is None:
            raise self.refuse(f"the file has no '{role}' for it")
        return found


def compute_dtype(config: Config) -> str | None:
    """The dtype that a layer of this config computes in; a policy may name another than that of
    its variables.
    """
    policy = config.values.get("dtype")
    if isinstance(policy, dict):
        policy = (policy.get("config") or {}).get("name")
    if not isinstance(policy, str):
        return None
    return policy.removeprefix("mixed_")


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in a nest of arguments, dicts in the order of their keys."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from tensors_in(value[key])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from tensors_in(inner)
