"""How layers with places bring tensors into the one form their operations take, and back."""

from __future__ import annotations

import re
from typing import Any

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.graph import Tensor


def rank_of(call: Call) -> int:
    """How many dimensions of places a layer's class has: the number before its D."""
    found = re.search(r"(\d)D", call.layer.class_name)
    if found is None:
        raise call.refuse("its class does not say how many dimensions it has")
    return int(found[1])


def enter(call: Call, rank: int) -> Tensor:
    """The input with its channels last and its leading dimensions as one; a line of places as a
    row of one.
    """
    x = call.x
    lead = x.rank - rank - 1
    if lead < 1:
        raise call.refuse(f"its input has {x.rank} dimensions")
    if lead > 1:
        x = ops.reshape(x, [-1, *ops.dims(x)[lead:]])
    if call.config.channels_first():
        x = ops.transpose(x, [0, *range(2, rank + 2), 1])
    return ops.expand_dims(x, 1) if rank == 1 else x


def leave(call: Call, rank: int, y: Tensor) -> Tensor:
    """What was made of an entered input, in the form of the input."""
    if rank == 1:
        y = ops.squeeze(y, [1])
    if call.config.channels_first():
        y = ops.transpose(y, [0, rank + 1, *range(1, rank + 1)])
    lead = call.x.rank - rank - 1
    if lead > 1:
        y = ops.reshape(y, [*ops.dims(call.x)[:lead], *ops.dims(y)[1:]])
    return y


def spatial_axes(call: Call, rank: int) -> list[int]:
    """Which dimensions of the input are its places."""
    first = 2 if call.config.channels_first() else 1
    return list(range(first, first + rank))


def numbers(call: Call, key: str, rank: int, default: int | None = None) -> tuple[int, ...]:
    """A number for every dimension of an entered input."""
    given = call.config.integers(key, rank, default)
    if min(given) < 1:
        raise call.refuse(f"its '{key}' is {given}")
    return (1, *given) if rank == 1 else given


def pairs(call: Call, key: str, rank: int) -> list[tuple[int, int]]:
    """(before, after) for every dimension of places; one number is for both."""
    given: Any = call.config.get(key)
    if isinstance(given, int):
        given = [given] * rank
    elif rank == 1 and isinstance(given[0], int):
        given = [given]
    found = [(side, side) if isinstance(side, int) else tuple(side) for side in given]
    if len(found) != rank or any(
        len(side) != 2 or not all(isinstance(n, int) and n >= 0 for n in side) for side in found
    ):
        raise call.refuse(f"its '{key}' is {call.config.get(key)!r}")
    return [(before, after) for before, after in found]


def padding_of(call: Call) -> str:
    """VALID, SAME or CAUSAL."""
    padding = call.config.text("padding", "valid").upper()
    if padding not in ("VALID", "SAME", "CAUSAL"):
        raise call.refuse(f"its 'padding' is {padding.lower()!r}")
    return padding


def theano(call: Call) -> bool:
    """Whether Theano's convolutions made the weights: they turn kernels around."""
    return call.meaning.of("kernels") == "flipped"
