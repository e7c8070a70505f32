"""What all recurrent layers share: their way through the steps, with masks and states.

Source: K.rnn of keras/backend/tensorflow_backend.py (Keras 2.2.4), keras/src/backend.py (2.15) and
keras/src/backend/tensorflow/rnn.py (3.15).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from converter.direct import ops
from converter.direct.call import Call, tensors_in
from converter.direct.graph import Tensor
from converter.direct.layers.cells import Cell
from converter.direct.ops import loops
from converter.direct.ops.shaping import Dim


@dataclass(frozen=True)
class Way:
    """How a layer goes through the steps.

    sequences: every step is put out, not the last one alone. silent: a masked step puts out zeros.
    kept: else it puts out "previous", what was put out before (zeros at first), or "state", the
    first state. crossed: silent steps are told by the mask in its own order though the steps are
    taken backwards.
    """

    backwards: bool
    sequences: bool
    silent: bool
    kept: str
    crossed: bool


Form = Callable[[Tensor], Tensor]


def same(x: Tensor) -> Tensor:
    """As it is."""
    return x


def way(call: Call, *, silent: bool) -> Way:
    """As the config of a layer says. silent: whether it heeds zero_output_for_mask."""
    config = call.config
    unroll = config.flag("unroll", False)
    backwards = config.flag("go_backwards", False)
    return Way(
        backwards=backwards,
        sequences=config.flag("return_sequences", False),
        silent=silent and config.flag("zero_output_for_mask", False),
        kept="previous" if unroll else call.meaning.of("masked_step"),
        crossed=unroll and backwards,
    )


def recur(
    call: Call, cell: Cell, *, silent: bool = True, enter: Form = same, leave: Form = same
) -> list[Tensor]:
    """The outputs of a recurrent layer: the output, and its states where they are asked for.

    silent: whether it heeds zero_output_for_mask. enter: brings the input and given states into
    the cell's form, leave: the outputs back.
    """
    _check(call)
    x, given = _arguments(call)
    how = way(call, silent=silent)
    mask = _mask(call, stated=bool(given))
    output, states = run(cell, enter(x), [enter(state) for state in given], mask, how)
    output = leave(output).with_mask(call.mask if how.sequences else None)
    if not call.config.flag("return_state", False):
        return [output]
    return [output, *(leave(state) for state in states)]


def run(
    cell: Cell, x: Tensor, given: Sequence[Tensor], mask: Tensor | None, how: Way
) -> tuple[Tensor, list[Tensor]]:
    """What a cell puts out and its last states, for x of (batch, steps, ...).

    given: the states before the first step, else zeros.
    """
    projected = cell.project(_swapped(x))
    size = ops.dim(projected, 0)
    states = list(given) or cell.zeros(projected)
    masking = None if mask is None else _masking(cell, mask, states, given, how)
    kept = masking.carried if masking else []
    like = states[cell.output]
    # The batch as the input has it: a given state may say less or more of its own.
    shape = (projected.shape[1], *like.shape[1:])
    outputs = loops.array(projected, size, like.dtype, shape) if how.sequences else None

    def body(step: Tensor, held: list[Tensor]) -> list[Tensor]:
        old, rest = held[: len(states)], held[len(states) :]
        new = cell.step(loops.stepped(projected, step, size, backwards=how.backwards), old)
        output = new[cell.output]
        if masking:
            new, output = masking.apply(step, old, new, output, rest[: len(kept)])
        following = [*new, *[output] * len(kept)]
        if outputs:
            written = masking.silenced(step, output) if masking else output
            following.append(outputs.with_flow(held[-1]).write(step, written).flow)
        return following

    flows = [outputs.flow] if outputs else []
    done = loops.loop(size, [*states, *kept, *flows], body)
    if outputs:
        whole = loops.stacked(outputs.with_flow(done[-1]), size)
        return _swapped(whole), done[: len(states)]
    last = done[len(states)] if kept else done[cell.output]
    return last, done[: len(states)]


@dataclass(frozen=True)
class Masking:
    """What a mask does to a step: the state stays, and something else is put out.

    mask: of (steps, batch), `size` steps. crossed: see Way. carried: one output to start with,
    where a step must know that of the one before. other: which output a masked step has where it
    is not that of the states: "previous", "state" or "zeros".
    """

    cell: Cell
    mask: Tensor
    size: Dim
    backwards: bool
    crossed: bool
    zeros: Tensor
    carried: list[Tensor]
    other: str | None

    def apply(
        self,
        step: Tensor,
        old: Sequence[Tensor],
        new: Sequence[Tensor],
        output: Tensor,
        before: Sequence[Tensor],
    ) -> tuple[list[Tensor], Tensor]:
        """The states and the output of a step."""
        here = loops.stepped(self.mask, step, self.size, backwards=self.backwards)
        states = [ops.select(here, after, was) for after, was in zip(new, old, strict=True)]
        if self.other is None:
            output = states[self.cell.output]
        elif self.other == "zeros":
            output = ops.select(here, output, self.zeros)
        else:
            was = old[0] if self.other == "state" else before[0]
            output = ops.select(here, output, was)
        return states, output

    def silenced(self, step: Tensor, output: Tensor) -> Tensor:
        """The output as it is put out."""
        if not self.crossed:
            return output
        return ops.select(loops.stepped(self.mask, step, self.size), output, self.zeros)


def _masking(
    cell: Cell, mask: Tensor, states: Sequence[Tensor], given: Sequence[Tensor], how: Way
) -> Masking:
    """What has to be done for a mask of (batch, steps)."""
    swapped = ops.transpose(mask, [1, 0])
    crossed = how.silent and how.crossed and how.sequences
    other: str | None = "zeros"
    if crossed or not how.silent:
        # While the output is the state, the state that stays is the output that stays.
        stays = not given if how.kept == "previous" else cell.output == 0
        other = None if stays else how.kept
    zeros = ops.zeros_like(states[cell.output])
    carries = other == "previous" or (other is not None and not how.sequences)
    return Masking(
        cell=cell,
        mask=swapped,
        size=ops.dim(swapped, 0),
        backwards=how.backwards,
        crossed=crossed,
        zeros=zeros,
        carried=[zeros] if carries else [],
        other=other,
    )


def _check(call: Call) -> None:
    """Refuse what is not made here."""
    config = call.config
    if config.flag("time_major", False):
        raise call.refuse("its 'time_major' is true")
    if config.get("num_constants", None) or call.kwargs.get("constants") is not None:
        raise call.refuse("it is called with constants")


def _arguments(call: Call) -> tuple[Tensor, list[Tensor]]:
    """What the layer is called on, and the states before the first step, if they are given.

    They are further tensors of the first argument, the second argument, or an argument by name.
    """
    x, *states = call.inputs
    if x.rank < 3:
        raise call.refuse(f"it is called on a tensor of rank {x.rank}")
    others = [*call.args[1:2], call.kwargs.get("initial_state")]
    if any(mask is not None for mask in call.args[2:3]):
        raise call.refuse("its mask is given by position")
    for other in others:
        found = list(tensors_in(other))
        if other is not None and not found:
            raise call.refuse("its initial state is no tensor")
        states += found
    return x, [call.cast(state) for state in states]


def _mask(call: Call, *, stated: bool) -> Tensor | None:
    """The mask as bool, of (batch, steps). stated: whether states are given."""
    mask = call.mask
    if mask is None:
        return None
    named = call.kwargs.get("mask") is not None
    if stated and not named and call.meaning.of("mask_with_states") == "ignored":
        return None
    if mask.rank != 2:
        raise call.refuse(f"its mask has rank {mask.rank}")
    return ops.cast(mask, "bool")


def _swapped(x: Tensor) -> Tensor:
    """Steps and batch in each other's place."""
    return ops.transpose(x, [1, 0, *range(2, x.rank)])
