"""The table of Python functions by the names under which models are saved ("math.add").

A function takes the Call and then what TensorFlow's function takes, under the same names; tensors
are Tensors, and what is not a tensor is as the file has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from converter.direct.call import Call
from converter.direct.registry import Result

Function = Callable[..., Result]
Known = TypeVar("Known", bound=Function)

# What arguments were called in TensorFlow 1.
OLD_NAMES = {
    "keep_dims": "keepdims",
    "dim": "axis",
    "reduction_indices": "axis",
    "squeeze_dims": "axis",
    "dimension": "axis",
    "filter": "filters",
}
# Arguments that say nothing about the result.
IDLE = frozenset({"name", "validate_indices", "use_cudnn_on_gpu"})
# Namespaces of functions that are known without them, too.
OUTER = ("compat.v1.", "keras.backend.")

_FUNCTIONS: dict[str, Function] = {}


def function(names: str) -> Callable[[Known], Known]:
    """Register a function under names, divided by spaces."""

    def register(build: Known) -> Known:
        for name in names.split():
            if name in _FUNCTIONS:
                raise ValueError(f"two functions for {name}")
            _FUNCTIONS[name] = build
        return build

    return register


def invoke(call: Call, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Result:
    """What a function gives. Raises NotDirect for one that nobody registered."""
    found = _FUNCTIONS.get(name)
    for outer in OUTER:
        found = found or _FUNCTIONS.get(name.removeprefix(outer))
    if found is None:
        raise call.refuse(f"there is no rule for the function {name}")
    return found(call, *args, **_named(kwargs))


def names() -> list[str]:
    """Every registered name."""
    return sorted(_FUNCTIONS)


def _named(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by their present names."""
    given = {key: value for key, value in kwargs.items() if key not in IDLE}
    for old, new in OLD_NAMES.items():
        value = given.pop(old, None)
        if value is not None:
            given[new] = value
    return given
