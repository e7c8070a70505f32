"""A SavedModel that does not answer as its source does, and what is found of its layers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from converter.contract import Contract
from converter.options import SERVING_DEFAULT
from converter.source.model import Layer, SourceModel
from converter.toolchain.facts import LoadOptions
from converter.toolchain.session import Array, Session
from converter.verdict.reference import Answers
from converter.verdict.rule import Rule
from converter.verdict.samples import Batch

# Names of layers from the outermost model inwards, or an input as 'input/KEY'.
LayerPath = tuple[str, ...]
Read = LayerPath | str


@dataclass(frozen=True)
class Case:
    """What is to be explained.

    path, load: the source's file and how the Keras that gave the reference loads it. keras: a
    worker of that Keras. runtime: a worker whose TensorFlow can load the SavedModel. What the two
    held is forgotten. batch, expected: a request and its right answers, by the contract's keys (see
    by_contract). got: what a server answered, None when it did not. problem: what it said instead.
    """

    source: SourceModel
    path: Path
    load: LoadOptions
    keras: Session
    saved_model: Path
    runtime: Session
    contract: Contract
    batch: Batch
    expected: Answers
    rule: Rule
    got: Answers | None = None
    problem: str = ""
    signature: str = SERVING_DEFAULT

    def layer(self, path: LayerPath) -> Layer | None:
        """The layer of the source's config at `path`."""
        name = "/".join(path)
        return next((x for x in self.source.layers if x.path == name), None)

    def within(self, path: LayerPath) -> list[Layer]:
        """The layer of the source's config at `path`, and what it wraps."""
        name = "/".join(path) + "/"
        return [x for x in self.source.layers if (x.path + "/").startswith(name)]


def by_contract(case: Case) -> Case:
    """The case by the contract's keys; a single input or output may come under another one."""
    inputs, outputs = case.contract.inputs, case.contract.outputs
    return dataclasses.replace(
        case,
        batch=_renamed(case.batch, inputs),
        expected=_renamed(case.expected, outputs),
        got=_renamed(case.got, outputs) if case.got is not None else None,
    )


def _renamed(arrays: dict[str, Array], keys: tuple[str, ...]) -> dict[str, Array]:
    if len(arrays) == len(keys) == 1:
        return dict(zip(keys, arrays.values(), strict=True))
    return arrays


@dataclass(frozen=True)
class LayerFacts:
    """One layer of the source, and what the SavedModel has of it.

    agrees: None when it is not found. max_abs: the largest difference, None where there is none to
    tell. scale: the reference's largest element. reads: layers and inputs. `value`, and more in
    `told` (see the worker's graph_layers), are there for the first layers that differ.
    """

    path: LayerPath
    reference: Array
    agrees: bool | None
    max_abs: float | None = None
    scale: float = 0.0
    reads: tuple[Read, ...] = ()
    value: Array | None = None
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The names joined by '/'."""
        return "/".join(self.path)


@dataclass(frozen=True)
class Look:
    """Every layer that the reference's Keras can be asked for, in the model's order.

    batch: what both were asked. graph: what the SavedModel's graph tells of itself (see the
    worker's graph_facts). varies: whether the same request twice gave two answers.
    """

    layers: tuple[LayerFacts, ...] = ()
    batch: Batch = field(default_factory=dict)
    graph: dict[str, list[str]] = field(default_factory=dict)
    varies: bool = False

    @property
    def first(self) -> LayerFacts | None:
        """The first layer that differs while all it reads agrees.

        One behind which everything agrees is passed over: its tensor was mistaken.
        """
        wrong = {layer.path for layer in self.layers if layer.agrees is False}
        behind: dict[Read, list[LayerFacts]] = {}
        for layer in self.layers:
            for read in layer.reads:
                behind.setdefault(read, []).append(layer)
        for layer in self.layers:
            readers = behind.get(layer.path, [])
            matters = not readers or any(reader.path in wrong for reader in readers)
            if layer.path in wrong and wrong.isdisjoint(layer.reads) and matters:
                return layer
        return None

    @property
    def lost(self) -> tuple[LayerFacts, ...]:
        """Layers that the SavedModel's graph does not tell."""
        return tuple(layer for layer in self.layers if layer.agrees is None)

    def read_by(self, layer: LayerFacts) -> Array | None:
        """The one array that `layer` reads; None when it reads several, or one unknown."""
        known: dict[Read, Array] = {x.path: x.reference for x in self.layers}
        known |= {f"input/{key}": values for key, values in self.batch.items()}
        arrays = [known[read] for read in set(layer.reads) if read in known]
        return arrays[0] if len(arrays) == len(set(layer.reads)) == 1 else None
