"""A TensorFlow graph under construction: nodes with known dtypes and shapes, in scopes.

Only operations and attributes that TensorFlow 1.12 and 2.21 both know may be used
(tests/direct/test_layers.py runs the graphs of all layers in both). Nothing here depends on time,
order of hashes or the machine: the same calls make the same bytes.

Inside a loop (see ops/loops.py) a tensor from outside is brought in where it is first used; nodes
without inputs always stand outside.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from converter.direct.dtypes import dtype_of
from converter.direct.protos import Shape, Type, put, tensor_proto
from converter.direct.weights import as_dtype
from converter.wire.graph_pb2 import GraphDef, NodeDef

# The GraphDef version of TensorFlow 1.12, so that no consumer is older than the producer.
PRODUCER = 27
# More in one GraphDef than protobuf can hold; left for the names and attributes: 64 MiB.
MAX_CONSTANT_BYTES = 2**31 - 2**26


# Contents in C order, a piece at a time.
Values = Callable[[], Iterator[np.ndarray[Any, Any]]]


@dataclass(frozen=True, eq=False)
class Tensor:
    """An output of a node. Every rank is known; a dimension that may be of any size is None.

    mask: the Keras mask that travels with it, bool of its leading dimensions, or None.
    frame: the loop it lives in, or None.
    """

    graph: Graph = field(repr=False)
    name: str
    dtype: str
    shape: Shape
    mask: Tensor | None = None
    frame: Frame | None = field(default=None, repr=False)

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def with_mask(self, mask: Tensor | None) -> Tensor:
        """The same tensor with another mask."""
        return Tensor(self.graph, self.name, self.dtype, self.shape, mask, self.frame)

    def with_shape(self, shape: Shape) -> Tensor:
        """The same tensor, more known of its shape than could be inferred."""
        return Tensor(self.graph, self.name, self.dtype, shape, self.mask, self.frame)

    def __add__(self, other: Tensor | float) -> Tensor:
        return self.graph.binary("Add", self, other)

    def __radd__(self, other: float) -> Tensor:
        return self.graph.binary("Add", other, self)

    def __sub__(self, other: Tensor | float) -> Tensor:
        return self.graph.binary("Sub", self, other)

    def __rsub__(self, other: float) -> Tensor:
        return self.graph.binary("Sub", other, self)

    def __mul__(self, other: Tensor | float) -> Tensor:
        return self.graph.binary("Mul", self, other)

    def __rmul__(self, other: float) -> Tensor:
        return self.graph.binary("Mul", other, self)

    def __truediv__(self, other: Tensor | float) -> Tensor:
        return self.graph.binary("RealDiv", self, other)

    def __rtruediv__(self, other: float) -> Tensor:
        return self.graph.binary("RealDiv", other, self)

    def __neg__(self) -> Tensor:
        return self.graph.one("Neg", [self], self.dtype, self.shape, {"T": Type(self.dtype)})


@dataclass(frozen=True)
class Variable:
    """A variable to be written to the bundle under `name`, which is also its handle's node.

    values: gives its contents in C order, a piece at a time.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    values: Values = field(repr=False)


@dataclass(eq=False)
class Frame:
    """A loop under construction: what it is called, and what was brought in from outside."""

    name: str
    parent: Frame | None
    captured: dict[str, Tensor] = field(default_factory=dict)


class Graph:
    """Nodes in the order they were made."""

    def __init__(self) -> None:
        self.nodes: list[NodeDef] = []
        self.variables: list[Variable] = []
        self._names: set[str] = set()
        self._scope: list[str] = []
        self._frame: Frame | None = None
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Tensor] = {}
        self._constant_bytes = 0
        self._handles: dict[str, Tensor] = {}
        # What is known of vectors and scalars of whole numbers, as of shapes, by their names.
        self.contents: dict[str, tuple[int | None, ...]] = {}

    def definition(self) -> GraphDef:
        """The finished graph."""
        made = GraphDef(node=self.nodes)
        made.versions.producer = PRODUCER
        return made

    @contextlib.contextmanager
    def scope(self, name: str) -> Iterator[str]:
        """Nodes made inside have names below `name`, made different where it is taken; its name."""
        self._scope = [*self._scope, self._unused(_legal(name))]
        try:
            yield self._scope[-1]
        finally:
            self._scope = self._scope[:-1]

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """Nodes made inside stand before every loop under construction."""
        frame, self._frame = self._frame, None
        try:
            yield
        finally:
            self._frame = frame

    @contextlib.contextmanager
    def frame(self, name: str) -> Iterator[Frame]:
        """Nodes made inside belong to a loop; see ops/loops.py."""
        self._frame = Frame(name, self._frame)
        try:
            yield self._frame
        finally:
            self._frame = self._frame.parent

    def node(
        self,
        op: str,
        inputs: Sequence[Tensor],
        outputs: Sequence[tuple[str, Shape]],
        *,
        name: str = "",
        attrs: Mapping[str, Any] | None = None,
        control: Sequence[str] = (),
    ) -> tuple[Tensor, ...]:
        """Add a node; its outputs, whose dtypes and shapes the caller infers.

        attrs: by name; see `_attr` for what stands for what. control: names of nodes to run before.
        """
        frame = self._frame if inputs else None
        reached = [self._reached(tensor, frame) for tensor in inputs]
        made = self.nodes_append(op, name or op)
        made.input.extend([t.name for t in reached] + [f"^{before}" for before in control])
        for key, value in (attrs or {}).items():
            put(made.attr[key], value)
        return tuple(
            Tensor(self, made.name if place == 0 else f"{made.name}:{place}", d, s, frame=frame)
            for place, (d, s) in enumerate(outputs)
        )

    def nodes_append(self, op: str, name: str) -> NodeDef:
        """A new, empty node with a name of its own."""
        made = NodeDef(name=self._unused(_legal(name)), op=op)
        self.nodes.append(made)
        return made

    def one(
        self,
        op: str,
        inputs: Sequence[Tensor],
        dtype: str,
        shape: Shape,
        attrs: Mapping[str, Any] | None = None,
        *,
        name: str = "",
    ) -> Tensor:
        """Add a node with one output."""
        return self.node(op, inputs, [(dtype, shape)], name=name, attrs=attrs)[0]

    def binary(
        self, op: str, left: Tensor | float, right: Tensor | float, dtype: str | None = None
    ) -> Tensor:
        """An operation on two tensors of one dtype that are broadcast, or a tensor and a number.

        dtype: of the result, where it is not that of the operands.
        """
        kind = left.dtype if isinstance(left, Tensor) else right.dtype  # type: ignore[union-attr]
        a, b = (
            t if isinstance(t, Tensor) else self.constant(np.asarray(t), kind)
            for t in (left, right)
        )
        if a.dtype != b.dtype:
            raise TypeError(f"{op} of {a.dtype} and {b.dtype}")
        return self.one(op, [a, b], dtype or kind, broadcast(a.shape, b.shape), {"T": Type(kind)})

    def constant(self, value: Any, dtype: str | None = None, name: str = "Const") -> Tensor:
        """A Const; small ones that are alike are one node. Raises OverflowError beyond 2 GiB."""
        array = np.asarray(value)
        if dtype not in (None, "bfloat16", "string"):
            array = array.astype(dtype)
        elif array.dtype == np.float64 and not isinstance(value, np.ndarray | np.generic):
            array = array.astype(np.float32)
        elif array.dtype == np.int64 and not isinstance(value, np.ndarray | np.generic):
            array = array.astype(np.int32)
        if dtype == "bfloat16" and array.dtype != np.uint16:
            array = as_dtype(array.astype(np.float32), dtype)
        kind = dtype or dtype_of(array)
        content = np.asarray(array, order="C")
        key = (kind, array.shape, content.tobytes()) if array.nbytes <= 1024 else None
        if key is not None and key in self._constants:
            return self._constants[key]
        self._constant_bytes += array.nbytes
        if self._constant_bytes > MAX_CONSTANT_BYTES:
            raise OverflowError("constants of more than 2 GiB do not fit into a GraphDef")
        attrs = {"dtype": Type(kind), "value": tensor_proto(content, kind)}
        with self.outside():
            made = self.one("Const", [], kind, array.shape, attrs, name=name)
        if key is not None:
            self._constants[key] = made
        return made

    def variable(self, name: str, dtype: str, shape: tuple[int, ...], values: Values) -> Tensor:
        """A new variable in the current scope, and its value as it is read."""
        with self.outside():
            attrs = {"dtype": Type(dtype), "shape": shape}
            handle = self.one("VarHandleOp", [], "resource", (), attrs, name=name)
            made = Variable(handle.name, dtype, shape, values)
            # TensorFlow finds what handles share by this name.
            put(self.nodes[-1].attr["shared_name"], handle.name)
            self.variables.append(made)
            self._handles[handle.name] = handle
            return self.read(made, handle, name=f"{name}/Read")

    def stored(self, name: str, dtype: str, shape: tuple[int, ...], values: Values) -> Tensor:
        """A weight as a constant. Raises OverflowError where all of them are beyond 2 GiB."""
        whole = np.concatenate([piece.reshape(-1) for piece in values()]).reshape(shape)
        return self.constant(whole, dtype, name=name)

    def handle(self, variable: Variable) -> Tensor:
        """What a variable's operations take."""
        return self._handles[variable.name]

    def read(self, variable: Variable, handle: Tensor, name: str = "") -> Tensor:
        """The value of a variable."""
        attrs = {"dtype": Type(variable.dtype)}
        shape = variable.shape
        return self.one("ReadVariableOp", [handle], variable.dtype, shape, attrs, name=name)

    def _reached(self, tensor: Tensor, frame: Frame | None) -> Tensor:
        """`tensor` as seen from inside `frame`."""
        if tensor.frame is frame or frame is None:
            return tensor
        if tensor.name not in frame.captured:
            outer = self._reached(tensor, frame.parent)
            made = self.nodes_append(
                "Enter", f"{tensor.name.split(':')[0].rsplit('/', 1)[-1]}/Enter"
            )
            made.input.append(outer.name)
            attrs = {
                "T": Type(tensor.dtype),
                "frame_name": frame.name,
                "is_constant": True,
                "parallel_iterations": 32,
            }
            for key, value in attrs.items():
                put(made.attr[key], value)
            inside = Tensor(self, made.name, tensor.dtype, tensor.shape, frame=frame)
            frame.captured[tensor.name] = inside
        return frame.captured[tensor.name]

    def _unused(self, name: str) -> str:
        """`name` in the current scope, with a number where it is taken; names ignore case, since
        TensorFlow's do where graphs are shown as files.
        """
        wanted = "/".join([*self._scope[-1:], name])
        found, count = wanted, 0
        while found.lower() in self._names:
            count += 1
            found = f"{wanted}_{count}"
        self._names.add(found.lower())
        return found


def broadcast(left: Shape, right: Shape) -> Shape:
    """The shape of an operation on two tensors. Raises ValueError where they do not fit."""
    rank = max(len(left), len(right))
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in (left, right)]
    return tuple(_broadcast_dim(a, b) for a, b in zip(*padded, strict=True))


def _broadcast_dim(a: int | None, b: int | None) -> int | None:
    if a == 1 or b == 1:
        return b if a == 1 else a
    if a is None or b is None:
        return b if a is None else a
    if a != b:
        raise ValueError(f"dimensions of {a} and {b} do not fit")
    return a


def _legal(name: str) -> str:
    """`name` with only what TensorFlow allows in a node's name."""
    clean = re.sub(r"[^A-Za-z0-9_.\-/]", "_", name)
    return clean if re.match(r"[A-Za-z0-9.]", clean) else f"n{clean}"
