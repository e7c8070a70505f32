"""Which function makes the graph of which layer class, and what weights the class has.

A module of `layers/` registers its functions:

    @layer("Dense", weights=lambda config: ["kernel", *["bias"] * config.flag("use_bias", True)])
    def dense(call: Call) -> Tensor: ...

The roles are in the order in which Keras stores the weights. masks: what becomes of the Keras mask
of the first input: "pass" it on, "stop" it, or the function sets it on its results itself ("own").
autocast: whether float inputs are cast to the dtype that the layer computes in.

Operations of Keras 3 (`a + b` is saved as class Add) have the names of layers, and are registered
under `operation(name)`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from converter.direct.architecture import Layer, is_model, model_of
from converter.direct.config import Config
from converter.direct.graph import Tensor
from converter.direct.weights import STATE, STORED, Role

if TYPE_CHECKING:
    from converter.direct.call import Call

Result = Tensor | Sequence[Tensor]
Build = Callable[["Call"], Result]
Masks = Literal["pass", "stop", "own"]
# The roles of a layer that holds no others, by its config; of one that does, as Roles.
Weights = Sequence[str] | Callable[[Config], Sequence[str]]
Held = Callable[[Layer], Sequence[Role]]


@dataclass(frozen=True)
class Entry:
    """How a class is built."""

    build: Build
    roles: Held
    masks: Masks
    autocast: bool = True


_ENTRIES: dict[str, Entry] = {}


def layer(
    *class_names: str,
    weights: Weights = (),
    held: Held | None = None,
    masks: Masks = "pass",
    autocast: bool = True,
) -> Callable[[Build], Build]:
    """Register a function for layer classes.

    held: for a layer that holds others, its Roles by the layer, `weights` is not asked then.
    """

    def roles(known: Layer) -> list[Role]:
        names = weights(known.config) if callable(weights) else weights
        trainable = known.config.values.get("trainable", True) is not False
        return [Role(name, trainable=trainable and name not in STATE) for name in names]

    def register(build: Build) -> Build:
        for name in class_names:
            if name in _ENTRIES:
                raise ValueError(f"two functions for the layer {name}")
            _ENTRIES[name] = Entry(build, held or roles, masks, autocast)
        return build

    return register


def entry(known: Layer) -> Entry:
    """How to build a layer. Raises NotDirect for a class that nobody registered."""
    found = _ENTRIES.get(_key(known)) or _ENTRIES.get(known.class_name)
    if found is None:
        raise known.config.refuse("there is no rule for this class")
    return found


def operation(class_name: str) -> str:
    """What an operation of Keras 3 is registered as."""
    return f"operation {class_name}"


def _key(known: Layer) -> str:
    """What a class is registered as. Of what Keras 3 calls, only layers can be trainable.

    A few layers do not say so (Discretization); no operation has the name of one of these.
    """
    calls = known.raw.get("inbound_nodes")
    of_keras_3 = isinstance(calls, list) and any(isinstance(c, dict) and "args" in c for c in calls)
    idle = known.class_name == "InputLayer" or "trainable" in known.config.values
    return operation(known.class_name) if of_keras_3 and not idle else known.class_name


def classes() -> list[str]:
    """Every registered class."""
    return sorted(_ENTRIES)


def roles_of(known: Layer) -> list[Role]:
    """The weights of a layer or model, in the order of its layers."""
    if not is_model(known):
        return _stored_roles(known) or list(entry(known).roles(known))
    found = []
    for inner in model_of(known, known.path).layers.values():
        found += below(inner.name, roles_of(inner))
    if known.config.values.get("trainable", True) is False:
        found = [dataclasses.replace(role, trainable=False) for role in found]
    return found


def _stored_roles(known: Layer) -> list[Role]:
    """The weights of a layer of Keras 1, which its translation has put into its config."""
    stored = known.config.values.get(STORED)
    trainable = known.config.values.get("trainable", True) is not False
    return [
        dataclasses.replace(role, trainable=trainable and role.name not in STATE)
        for role in (stored if isinstance(stored, tuple) else ())
    ]


def below(name: str, roles: Sequence[Role]) -> list[Role]:
    """The roles of a layer that is held under `name`."""
    return [dataclasses.replace(role, owner=(name, *role.owner)) for role in roles]
