"""ConvLSTM1D, 2D and 3D: an LSTM whose products are convolutions.

Source: keras/layers/convolutional_recurrent.py of Keras 2.2.4, keras/src/layers/rnn/
base_conv_lstm.py of 2.15 and conv_lstm.py of 3.15.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.graph import Tensor
from converter.direct.layers import cells, steps
from converter.direct.layers.cells import Gates
from converter.direct.layers.convolution import Slide, kernel_of, slide
from converter.direct.layers.places import rank_of, theano
from converter.direct.ops import spatial
from converter.direct.registry import layer


@dataclass(frozen=True)
class ConvCell:
    """An LSTM's cell on frames with their channels last; its states are h and c."""

    kernel: Tensor
    recurrent: Tensor
    bias: Tensor | None
    by: Slide
    filters: int
    gates: Gates

    @property
    def output(self) -> int:
        """h."""
        return 0

    def project(self, x: Tensor) -> Tensor:
        """The convolution of all frames of all steps."""
        by = self.by
        frames = ops.reshape(x, [-1, *ops.dims(x)[2:]])
        y = spatial.conv(frames, self.kernel, by.strides, by.padding, by.dilations)
        if self.bias is not None:
            y = ops.bias_add(y, self.bias)
        return ops.reshape(y, [*ops.dims(x)[:2], *ops.dims(y)[1:]])

    def zeros(self, projected: Tensor) -> list[Tensor]:
        """Two states."""
        sizes = [*ops.dims(projected)[1:-1], self.filters]
        return [ops.fill(projected, sizes, 0.0, projected.dtype)] * 2

    def step(self, projected: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """The next h and c."""
        ones = [1] * len(self.by.window)
        sums = projected + spatial.conv(states[0], self.recurrent, ones, "SAME")
        return self.gates.carry(ops.split(sums, 4, -1), states[1])


@dataclass(frozen=True)
class Frames:
    """The form of a layer's frames; a line of places is a row of one in between."""

    rank: int
    first: bool

    def enter(self, x: Tensor) -> Tensor:
        """Steps, a state or an output, with the channels last."""
        lead = x.rank - self.rank - 1
        if lead < 1:
            raise ValueError(f"a tensor of rank {x.rank} holds no frames")
        if self.first:
            x = ops.transpose(x, [*range(lead), *range(lead + 1, x.rank), lead])
        return ops.expand_dims(x, lead) if self.rank == 1 else x

    def leave(self, y: Tensor) -> Tensor:
        """A state or output in the form of the input."""
        if self.rank == 1:
            y = ops.squeeze(y, [-3])
        lead = y.rank - self.rank - 1
        if self.first:
            y = ops.transpose(y, [*range(lead), y.rank - 1, *range(lead, y.rank - 1)])
        return y


@layer("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", weights=cells.weights, masks="own")
def conv_lstm(call: Call) -> Sequence[Tensor]:
    """A recurrent layer on frames."""
    rank = rank_of(call)
    by = slide(call, rank)
    if theano(call) or by.padding == "CAUSAL":
        raise call.refuse("its convolutions are padded as only another backend or layer does it")
    cell = ConvCell(
        kernel=kernel_of(call, "kernel", rank),
        recurrent=kernel_of(call, "recurrent_kernel", rank),
        bias=call.variable("bias") if call.has("bias") else None,
        by=by,
        filters=call.config.integer("filters"),
        gates=Gates.of(call),
    )
    frames = Frames(rank, call.config.channels_first())
    heeds = call.meaning.of("convolutional_mask") == "heeded"
    return steps.recur(call, cell, silent=heeds, enter=frames.enter, leave=frames.leave)
