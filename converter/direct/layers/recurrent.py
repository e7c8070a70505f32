"""SimpleRNN, GRU, LSTM, and RNN over any of their cells.

Sources: see cells.py and steps.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from converter.direct.architecture import Layer
from converter.direct.call import Call
from converter.direct.graph import Tensor
from converter.direct.layers import cells, steps
from converter.direct.layers.cells import Cell
from converter.direct.registry import layer
from converter.direct.weights import Role

_MAKERS: dict[str, Callable[[Call], Cell]] = {
    "SimpleRNN": cells.simple,
    "GRU": cells.gru,
    "LSTM": cells.lstm,
}


@layer("SimpleRNN", "GRU", "LSTM", weights=cells.weights, masks="own")
def named(call: Call) -> Sequence[Tensor]:
    """A recurrent layer whose cell goes by its own name."""
    return steps.recur(call, _MAKERS[call.layer.class_name](call))


def _held(known: Layer) -> Sequence[Role]:
    return cells.roles(cells.held(known))


@layer("RNN", held=_held, masks="own")
def rnn(call: Call) -> Sequence[Tensor]:
    """A recurrent layer that holds its cell."""
    return steps.recur(call, cells.make(call, cells.held(call.layer)))
