"""Convolutions whose kernels differ from place to place.

Keras stores them in three forms, told apart by the config's `implementation`: 1 has a kernel for
every window; 2 a matrix from every input to every output, of which only what a window sees counts;
3 the entries of that matrix that count, in the order of its rows. All are brought into the first
form here. Source: keras/layers/local.py of Keras 2.2.4, keras/layers/locally_connected/ and
keras/utils/conv_utils.py of 2.15.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from converter.direct import ops
from converter.direct.call import Call
from converter.direct.graph import Tensor
from converter.direct.layers.convolution import conv_weights
from converter.direct.layers.places import enter, leave, numbers, padding_of, rank_of
from converter.direct.ops import spatial
from converter.direct.registry import layer
from converter.direct.weights import Array

Index = tuple[int | slice, ...]


@dataclass(frozen=True)
class Windows:
    """Windows over places of known sizes.

    same: so many that every `strides`-th place has one, else only those that fit.
    """

    places: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    same: bool

    @property
    def before(self) -> tuple[int, ...]:
        """How far the first window begins before the first place."""
        return tuple(w // 2 if self.same else 0 for w in self.window)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many there are."""
        padding = "SAME" if self.same else "VALID"
        fits = zip(self.places, self.window, self.strides, strict=True)
        return tuple(spatial.windows(n, w, s, padding) for n, w, s in fits)

    @property
    def margins(self) -> list[tuple[int, int]]:
        """(before, after): what must be added to the places for all windows to be inside."""
        each = zip(self.places, self.window, self.strides, self.before, self.counts, strict=True)
        return [(b, max(0, (c - 1) * s + w - n - b)) for n, w, s, b, c in each]

    def seen(self) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...], tuple[slice, ...]]]:
        """Of every window its number, the places it sees, and where in the window they are."""
        for at in np.ndindex(*self.counts):
            starts = [a * s - b for a, s, b in zip(at, self.strides, self.before, strict=True)]
            spans = [
                (max(0, start), min(n, start + w))
                for start, n, w in zip(starts, self.places, self.window, strict=True)
            ]
            inside = tuple(
                slice(a - start, z - start) for (a, z), start in zip(spans, starts, strict=True)
            )
            yield at, tuple(slice(a, z) for a, z in spans), inside


def from_windows(kernel: Array, over: Windows, *, channels_first: bool) -> Array:
    """The kernels of implementation 1, with the channels last: (windows, seen, filters)."""
    if not channels_first:
        return kernel
    count, seen, filters = kernel.shape
    apart: Array = kernel.reshape(count, seen // math.prod(over.window), -1, filters)
    return np.reshape(apart.swapaxes(1, 2), kernel.shape)


def from_matrix(kernel: Array, over: Windows, *, channels_first: bool) -> Array:
    """The kernels of implementation 2 as those of 1."""
    rank = len(over.window)
    if channels_first:
        kernel = np.moveaxis(kernel, [0, rank + 1], [rank, -1])
    channels, filters = kernel.shape[rank], kernel.shape[-1]
    made = np.zeros((*over.counts, *over.window, channels, filters), kernel.dtype)
    for at, places, inside in over.seen():
        target: Index = (*at, *inside)
        source: Index = (*places, slice(None), *at)
        made[target] = kernel[source]
    return made.reshape(math.prod(over.counts), -1, filters)


def from_entries(kernel: Array, over: Windows, filters: int, *, channels_first: bool) -> Array:
    """The kernels of implementation 3 as those of 1.

    The rows are outputs and the columns inputs, both in the order in which they lie in memory.
    """
    sizes = [[s.stop - s.start for s in places] for _, places, _ in over.seen()]
    channels = len(kernel) // (filters * sum(math.prod(size) for size in sizes))
    made = np.zeros((*over.counts, *over.window, channels, filters), kernel.dtype)
    start = 0
    for (at, _, inside), size in zip(over.seen(), sizes, strict=True):
        count = math.prod(size) * channels
        if channels_first:
            part = kernel.reshape(filters, -1)[:, start : start + count]
            part = np.moveaxis(part.reshape(filters, channels, *size), [0, 1], [-1, -2])
            start += count
        else:
            part = kernel[start : start + count * filters].reshape(filters, *size, channels)
            part = np.moveaxis(part, 0, -1)
            start += count * filters
        target: Index = (*at, *inside)
        made[target] = part
    return made.reshape(math.prod(over.counts), -1, filters)


@layer("LocallyConnected1D", "LocallyConnected2D", weights=conv_weights, masks="stop")
def locally_connected(call: Call) -> Tensor:
    """activation(every window times a kernel of its own + a bias of its own)."""
    rank = rank_of(call)
    x = enter(call, rank)
    over = _windows(call, rank, x)
    wide = ops.pad(x, [(0, 0), *over.margins, (0, 0)])
    windows = spatial.patches(wide, over.window, over.strides)
    count, filters = math.prod(over.counts), call.config.integer("filters")
    flat = ops.transpose(ops.reshape(windows, [-1, count, windows.shape[-1]]), [1, 0, 2])
    made = ops.batch_matmul(flat, _kernel(call, over, filters, windows.shape[-1] or 0))
    y = ops.reshape(ops.transpose(made, [1, 0, 2]), [-1, *over.counts, filters])
    return call.activation(_biased(call, leave(call, rank, y)))


def _windows(call: Call, rank: int, x: Tensor) -> Windows:
    """The windows that a config means. Raises NotDirect where sizes are unknown."""
    places = tuple(size for size in x.shape[1:-1] if size is not None)
    if len(places) != x.rank - 2 or x.shape[-1] is None:
        raise call.refuse(f"its input has the shape {x.shape}, which is not known enough")
    padding = padding_of(call)
    if padding == "CAUSAL":
        raise call.refuse("its 'padding' is 'causal'")
    window, strides = numbers(call, "kernel_size", rank), numbers(call, "strides", rank, 1)
    return Windows(places, window, strides, padding == "SAME")


def _kernel(call: Call, over: Windows, filters: int, seen: int) -> Tensor:
    """The kernels, whatever form the file has them in."""
    form = call.config.integer("implementation", 1)
    first = call.config.channels_first()
    line = rank_of(call) == 1

    def change(kernel: Array) -> Array:
        if form == 1:
            return from_windows(kernel, over, channels_first=first)
        if form == 3:
            return from_entries(kernel, over, filters, channels_first=first)
        whole = _as_row(kernel, channels_first=first) if line else kernel
        return from_matrix(whole, over, channels_first=first)

    if form not in (1, 2, 3):
        raise call.refuse(f"its 'implementation' is {form}")
    if form == 1 and not first:
        return call.variable("kernel")
    return call.variable("kernel", change=change, shape=(math.prod(over.counts), seen, filters))


def _as_row(kernel: Array, *, channels_first: bool) -> Array:
    """A matrix between lines as one between rows of one."""
    return np.expand_dims(kernel, (1, 4) if channels_first else (0, 3))


def _biased(call: Call, y: Tensor) -> Tensor:
    """y plus the bias of every window. With channels first Keras takes the bias as it lies in
    memory, the filters last, for one with the filters first.
    """
    if not call.has("bias"):
        return y
    bias = call.variable("bias")
    if call.config.channels_first():
        bias = ops.reshape(bias, [bias.shape[-1], *bias.shape[:-1]])
    return y + bias
