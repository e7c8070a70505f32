"""The cells of recurrent layers: what happens at one step.

A cell has two halves: `project` is what does not depend on the state, and is done for all steps at
once; `step` is the rest. Sources: keras/layers/recurrent.py of Keras 2.2.4 and
keras/src/layers/rnn/{simple_rnn,gru,lstm,stacked_rnn_cells}.py of Keras 2.15 and 3.15.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from converter.direct import ops
from converter.direct.architecture import Layer
from converter.direct.call import Call
from converter.direct.config import Config
from converter.direct.graph import Tensor
from converter.direct.registry import below
from converter.direct.weights import Role

Activation = Callable[[Tensor], Tensor]


class Cell(Protocol):
    """What happens at one step.

    output: which of the states is what the cell puts out. x: what belongs to one step, or, in
    `project` and `zeros`, to all of them along a first dimension, before that of the batch.
    """

    @property
    def output(self) -> int:
        """Which of the states is what the cell puts out."""

    def project(self, x: Tensor) -> Tensor:
        """The part of the work that does not depend on the state, for one step or for all."""

    def zeros(self, projected: Tensor) -> list[Tensor]:
        """The states before the first step."""

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """The states after one step."""


@dataclass(frozen=True)
class Gates:
    """The activations of a cell: of what it takes in or puts out, and of the gates."""

    activation: Activation
    recurrent: Activation

    @classmethod
    def of(cls, call: Call) -> Gates:
        """As the config names them."""
        return cls(call.activation, lambda x: call.activation(x, "recurrent_activation"))

    def carry(self, sums: Sequence[Tensor], carried: Tensor) -> list[Tensor]:
        """An LSTM's states after a step: c = f·c + i·a(g), h = o·a(c).

        sums: what goes into the gates, in the order i, f, g, o.
        """
        i, f, g, o = sums
        carry = self.recurrent(f) * carried + self.recurrent(i) * self.activation(g)
        return [self.recurrent(o) * self.activation(carry), carry]


@dataclass(frozen=True)
class Matrices:
    """The weights of a cell whose state is vectors of `units` numbers."""

    kernel: Tensor
    recurrent: Tensor
    bias: Tensor | None
    units: int

    @property
    def output(self) -> int:
        """The first state."""
        return 0

    def project(self, x: Tensor) -> Tensor:
        """x · kernel + bias, on the last dimension; TensorFlow makes one operation of the two."""
        rows = x if x.rank == 2 else ops.reshape(x, [-1, self.kernel.shape[0]])
        made = ops.matmul(rows, self.kernel)
        if self.bias is not None:
            made = ops.bias_add(made, self.bias)
        return made if x.rank == 2 else ops.reshape(made, [*ops.dims(x)[:-1], made.shape[1]])

    def zero(self, projected: Tensor) -> Tensor:
        """A state before the first step."""
        sizes = [ops.dim(projected, 1), self.units]
        return ops.fill(projected, sizes, 0.0, projected.dtype)


@dataclass(frozen=True)
class SimpleCell(Matrices):
    """h = a(x · W + b + h · U)."""

    activation: Activation

    def zeros(self, projected: Tensor) -> list[Tensor]:
        """One state."""
        return [self.zero(projected)]

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """The next h."""
        return [self.activation(projected + ops.matmul(states[0], self.recurrent))]


@dataclass(frozen=True)
class LstmCell(Matrices):
    """Long short-term memory; its states are h and c."""

    gates: Gates

    def zeros(self, projected: Tensor) -> list[Tensor]:
        """Two states."""
        return [self.zero(projected)] * 2

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """The next h and c."""
        sums = projected + ops.matmul(states[0], self.recurrent)
        return self.gates.carry(ops.split(sums, 4, 1), states[1])


@dataclass(frozen=True)
class GruCell(Matrices):
    """A gated recurrent unit: h = z·h + (1 - z)·a(x_h + r·h · U_h); the reset gate r comes first.

    Its recurrent weights are in two parts: of the gates z and r, and of the new h.
    """

    gates: Gates
    recurrent_h: Tensor

    def zeros(self, projected: Tensor) -> list[Tensor]:
        """One state."""
        return [self.zero(projected)]

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """The next h."""
        h = states[0]
        x_z, x_r, x_h = ops.split(projected, 3, 1)
        h_z, h_r = ops.split(ops.matmul(h, self.recurrent), 2, 1)
        z = self.gates.recurrent(x_z + h_z)
        r = self.gates.recurrent(x_r + h_r)
        new = self.gates.activation(x_h + ops.matmul(r * h, self.recurrent_h))
        return [z * h + (1 - z) * new]


@dataclass(frozen=True)
class ResetAfterCell(Matrices):
    """A gated recurrent unit whose reset gate comes after the product: a(x_h + r·(h · U_h + b_h)).

    Its second bias is of the products with h.
    """

    gates: Gates
    recurrent_bias: Tensor | None

    def zeros(self, projected: Tensor) -> list[Tensor]:
        """One state."""
        return [self.zero(projected)]

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """The next h."""
        h = states[0]
        inner = ops.matmul(h, self.recurrent)
        if self.recurrent_bias is not None:
            inner = ops.bias_add(inner, self.recurrent_bias)
        x_z, x_r, x_h = ops.split(projected, 3, 1)
        h_z, h_r, h_h = ops.split(inner, 3, 1)
        z = self.gates.recurrent(x_z + h_z)
        r = self.gates.recurrent(x_r + h_r)
        return [z * h + (1 - z) * self.gates.activation(x_h + r * h_h)]


@dataclass(frozen=True)
class Stack:
    """Cells one after the other, each taking what the one before it puts out.

    order: in which their states come.
    """

    cells: Sequence[Cell]
    counts: Sequence[int]
    order: Sequence[int]

    @property
    def output(self) -> int:
        """Where the last cell's output is."""
        last = len(self.cells) - 1
        before = self.order[: self.order.index(last)]
        return sum(self.counts[i] for i in before) + self.cells[last].output

    def project(self, x: Tensor) -> Tensor:
        """The first cell's work."""
        return self.cells[0].project(x)

    def zeros(self, projected: Tensor) -> list[Tensor]:
        """The states of all."""
        return self._flat([cell.zeros(projected) for cell in self.cells])

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """The next states of all."""
        left = list(states)
        old: dict[int, list[Tensor]] = {}
        for place in self.order:
            old[place], left = left[: self.counts[place]], left[self.counts[place] :]
        new: list[list[Tensor]] = []
        for place, cell in enumerate(self.cells):
            if new:
                before = self.cells[place - 1]
                projected = cell.project(new[-1][before.output])
            new.append(cell.step(projected, old[place]))
        return self._flat(new)

    def _flat(self, states: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        return [state for place in self.order for state in states[place]]


def simple(call: Call) -> Cell:
    """The cell of a SimpleRNN."""
    return SimpleCell(*_matrices(call), activation=call.activation)


def lstm(call: Call) -> Cell:
    """The cell of an LSTM."""
    return LstmCell(*_matrices(call), gates=Gates.of(call))


def gru(call: Call) -> Cell:
    """The cell of a GRU; a config that does not say of which kind has the bias of its kind."""
    kernel, recurrent, bias, units = _matrices(call)
    two_biases = bias is not None and bias.rank == 2
    if call.config.flag("reset_after", two_biases):
        first, second = (None, None) if bias is None else ops.unstack(bias, 0)
        return ResetAfterCell(kernel, recurrent, first, units, Gates.of(call), second)
    of_gates = ops.slice_(recurrent, [(None, None), (None, 2 * units)])
    of_h = ops.slice_(recurrent, [(None, None), (2 * units, None)])
    return GruCell(kernel, of_gates, bias, units, Gates.of(call), of_h)


def stack(call: Call) -> Cell:
    """The cell of StackedRNNCells."""
    cells = [make(call, inner) for inner in _stacked(call.layer)]
    counts = [state_count(inner) for inner in _stacked(call.layer)]
    order = list(range(len(cells)))
    if call.meaning.of("stacked_states") == "reversed":
        order.reverse()
    return Stack(cells, counts, order)


def _matrices(call: Call) -> tuple[Tensor, Tensor, Tensor | None, int]:
    bias = call.variable("bias") if call.has("bias") else None
    units = call.config.integer("units")
    return call.variable("kernel"), call.variable("recurrent_kernel"), bias, units


# By class.
MAKERS: dict[str, Callable[[Call], Cell]] = {
    "SimpleRNNCell": simple,
    "GRUCell": gru,
    "LSTMCell": lstm,
    "StackedRNNCells": stack,
}


def make(call: Call, cell: Layer) -> Cell:
    """A cell that the layer being called holds."""
    maker = MAKERS.get(cell.class_name)
    if maker is None:
        raise call.refuse(f"there is no rule for its cell {cell.class_name}")
    return maker(dataclasses.replace(call, layer=cell, weights=call.below(cell.name)))


def held(layer: Layer) -> Layer:
    """The cell of an RNN."""
    return _named(layer, layer.config.get("cell"), "cell")


def state_count(cell: Layer) -> int:
    """How many states a cell has."""
    if cell.class_name == "StackedRNNCells":
        return sum(state_count(inner) for inner in _stacked(cell))
    return 2 if cell.class_name == "LSTMCell" else 1


def weights(config: Config) -> list[str]:
    """The weights of a cell that is no stack."""
    return ["kernel", "recurrent_kernel", *["bias"] * config.flag("use_bias", True)]


def roles(cell: Layer) -> list[Role]:
    """The weights of any cell, below its name."""
    if cell.class_name == "StackedRNNCells":
        found = [role for inner in _stacked(cell) for role in roles(inner)]
    else:
        found = [Role(name) for name in weights(cell.config)]
    if cell.config.values.get("trainable", True) is False:
        found = [dataclasses.replace(role, trainable=False) for role in found]
    return below(cell.name, found)


def _stacked(cell: Layer) -> list[Layer]:
    """The cells of a stack."""
    cells = cell.config.get("cells")
    if not isinstance(cells, list) or not cells:
        raise cell.config.refuse("it is a stack of no cells")
    return [_named(cell, raw, f"cell_{place}") for place, raw in enumerate(cells)]


def _named(holder: Layer, raw: Any, name: str) -> Layer:
    """A held layer under a name of its own, since cells of one stack may share theirs."""
    if not isinstance(raw, dict):
        raise holder.config.refuse("it holds something that is no cell")
    return holder.inner({**raw, "name": name})
