"""Loops over steps, and arrays of tensors that they write.

The control flow is TensorFlow's first (Enter, Merge, Switch, NextIteration, Exit), which 1.12 and
2.21 both run. Source: core/ops/control_flow_ops.cc and core/ops/data_flow_ops.cc.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from converter.direct.graph import Tensor
from converter.direct.ops.arithmetic import less, unary
from converter.direct.ops.shaping import Dim, range_, slice_
from converter.direct.protos import Shape, Type
from converter.wire.graph_pb2 import NodeDef

# What TensorFlow's own while_loop takes.
PARALLEL_ITERATIONS = 32

Body = Callable[[Tensor, list[Tensor]], Sequence[Tensor]]


@dataclass(frozen=True)
class Array:
    """Tensors of one dtype and shape by their number, a TensorArray.

    flow: puts gathering after writing; it is what a loop carries.
    """

    handle: Tensor
    flow: Tensor
    dtype: str
    shape: Shape

    def with_flow(self, flow: Tensor) -> Array:
        """The same array at another moment."""
        return dataclasses.replace(self, flow=flow)

    def write(self, index: Tensor, value: Tensor) -> Array:
        """The array with one more tensor."""
        inputs = [self.handle, index, value, self.flow]
        attrs = {"T": Type(self.dtype)}
        graph = self.handle.graph
        return self.with_flow(graph.one("TensorArrayWriteV3", inputs, "float32", (), attrs))

    def gather(self, indices: Tensor) -> Tensor:
        """The tensors at `indices`, along a new first dimension."""
        inputs = [self.handle, indices, self.flow]
        attrs = {"dtype": Type(self.dtype), "element_shape": self.shape}
        shape = (*indices.shape, *self.shape)
        return self.handle.graph.one("TensorArrayGatherV3", inputs, self.dtype, shape, attrs)


def array(graph_of: Tensor, size: Dim, dtype: str, shape: Shape) -> Array:
    """An array for `size` tensors of one dtype and shape."""
    graph = graph_of.graph
    count = size if isinstance(size, Tensor) else graph.constant(size)
    attrs = {
        "dtype": Type(dtype),
        "element_shape": shape,
        "dynamic_size": False,
        "clear_after_read": True,
        "identical_element_shapes": True,
    }
    outputs = [("resource", (2,)), ("float32", ())]
    handle, flow = graph.node("TensorArrayV3", [count], outputs, attrs=attrs)
    return Array(handle, flow, dtype, shape)


def stepped(x: Tensor, step: Tensor, size: Dim, *, backwards: bool = False) -> Tensor:
    """The slice that x, of `size` slices along its first dimension, has for a step; backwards: the
    last one for the first step. TensorFlow does not copy it where the slices are aligned.
    """
    place = x.graph.binary("Sub", size - 1, step) if backwards else step
    return slice_(x, [(place, None)], shrink=[0])


def stacked(held: Array, size: Dim) -> Tensor:
    """The `size` tensors of an array along a new first dimension."""
    return held.gather(range_(held.flow, 0, size))


def loop(count: Dim, variables: Sequence[Tensor], body: Body) -> list[Tensor]:
    """The variables after `body` has been applied `count` times.

    body: gives their next values from the number of the step and their values.
    """
    graph = variables[0].graph
    bound = count if isinstance(count, Tensor) else graph.constant(count)
    first = [graph.constant(0), *variables]
    with graph.scope("while") as name:
        entered = [_enter(value, name) for value in first]
        with graph.frame(name) as frame:
            merges = [_merge(dataclasses.replace(value, frame=frame)) for value in entered]
            merged = [value for value, _ in merges]
            going = graph.one("LoopCond", [less(merged[0], bound)], "bool", ())
            switched = [_switch(value, going) for value in merged]
            step, *inside = [value for _, value in switched]
            following = [step + 1, *body(step, inside)]
            for (_, node), value in zip(merges, following, strict=True):
                node.input[1] = unary("NextIteration", value).name
            done = [unary("Exit", value) for value, _ in switched[1:]]
    return [dataclasses.replace(value, frame=frame.parent) for value in done]


def _enter(value: Tensor, frame_name: str) -> Tensor:
    """A variable's first value, on its way into the loop."""
    attrs = {
        "T": Type(value.dtype),
        "frame_name": frame_name,
        "is_constant": False,
        "parallel_iterations": PARALLEL_ITERATIONS,
    }
    return value.graph.one("Enter", [value], value.dtype, value.shape, attrs)


def _merge(value: Tensor) -> tuple[Tensor, NodeDef]:
    """A variable at the start of each step, and the node whose second input is its next value."""
    graph = value.graph
    outputs = [(value.dtype, value.shape), ("int32", ())]
    attrs = {"T": Type(value.dtype), "N": 2}
    merged, _ = graph.node("Merge", [value, value], outputs, attrs=attrs)
    return merged, graph.nodes[-1]


def _switch(value: Tensor, going: Tensor) -> tuple[Tensor, Tensor]:
    """A variable where the loop is over, and where it goes on."""
    outputs = [(value.dtype, value.shape)] * 2
    done, inside = value.graph.node(
        "Switch", [value, going], outputs, attrs={"T": Type(value.dtype)}
    )
    return done, inside
