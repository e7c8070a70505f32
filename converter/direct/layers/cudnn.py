"""CuDNNGRU and CuDNNLSTM, which TensorFlow 1 runs on a GPU alone, as the same sums for any machine.

Their weights are in cuDNN's order. Source: _convert_rnn_weights in keras/engine/saving.py of Keras
2.2.4: what that turns them into is an LSTM's, or a GRU's with reset_after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from converter.direct import activations, ops
from converter.direct.call import Call
from converter.direct.graph import Tensor
from converter.direct.layers import steps
from converter.direct.layers.cells import Gates, LstmCell, ResetAfterCell
from converter.direct.registry import layer
from converter.direct.weights import Array

_GATES = Gates(lambda x: ops.unary("Tanh", x), activations.sigmoid)


def kernel(stored: Array, gates: int) -> Array:
    """The kernel in Keras's order: each gate's has its numbers in the order of columns."""
    return _each(stored, gates, lambda part: part.T.reshape(part.shape, order="F"))


def recurrent_kernel(stored: Array, gates: int) -> Array:
    """The recurrent kernel in Keras's order: each gate's is transposed."""
    return _each(stored, gates, lambda part: part.T)


def _each(stored: Array, gates: int, change: Callable[[Array], Array]) -> Array:
    """A change of every gate's columns."""
    return np.hstack([change(part) for part in np.hsplit(stored, gates)])


@layer("CuDNNLSTM", weights=["kernel", "recurrent_kernel", "bias"], masks="own")
def lstm(call: Call) -> Sequence[Tensor]:
    """An LSTM whose two biases are added."""
    units = call.config.integer("units")
    bias = call.variable(
        "bias", lambda stored: stored[: 4 * units] + stored[4 * units :], [4 * units]
    )
    return _recur(call, LstmCell(*_matrices(call, 4), bias, units, _GATES))


@layer("CuDNNGRU", weights=["kernel", "recurrent_kernel", "bias"], masks="own")
def gru(call: Call) -> Sequence[Tensor]:
    """A GRU with reset_after."""
    units = call.config.integer("units")
    bias = call.variable("bias", lambda stored: stored.reshape(2, -1), [2, 3 * units])
    first, second = ops.unstack(bias, 0)
    return _recur(call, ResetAfterCell(*_matrices(call, 3), first, units, _GATES, second))


def _matrices(call: Call, gates: int) -> tuple[Tensor, Tensor]:
    return (
        call.variable("kernel", lambda stored: kernel(stored, gates)),
        call.variable("recurrent_kernel", lambda stored: recurrent_kernel(stored, gates)),
    )


def _recur(call: Call, cell: LstmCell | ResetAfterCell) -> Sequence[Tensor]:
    if call.mask is not None:
        raise call.refuse("it has a mask, which cuDNN's layers do not take")
    return steps.recur(call, cell)
