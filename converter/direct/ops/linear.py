"""Products of matrices, and what goes with them."""

from __future__ import annotations

from converter.direct.graph import Tensor, broadcast
from converter.direct.ops.arithmetic import unary
from converter.direct.ops.shaping import dim, reshape, transpose
from converter.direct.protos import Shape, Type


def matmul(x: Tensor, y: Tensor, *, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """The product of two matrices (rank 2)."""
    rows = x.shape[1 if transpose_a else 0]
    columns = y.shape[0 if transpose_b else 1]
    attrs = {"T": Type(x.dtype), "transpose_a": transpose_a, "transpose_b": transpose_b}
    return x.graph.one("MatMul", [x, y], x.dtype, (rows, columns), attrs)


def batch_matmul(x: Tensor, y: Tensor, *, adj_x: bool = False, adj_y: bool = False) -> Tensor:
    """Products of matrices in the last two dimensions; the leading ones are the same in both."""
    rows = x.shape[-1 if adj_x else -2]
    columns = y.shape[-2 if adj_y else -1]
    lead: Shape = broadcast(x.shape[:-2], y.shape[:-2])
    attrs = {"T": Type(x.dtype), "adj_x": adj_x, "adj_y": adj_y}
    return x.graph.one("BatchMatMul", [x, y], x.dtype, (*lead, rows, columns), attrs)


def dot(x: Tensor, kernel: Tensor) -> Tensor:
    """The last dimension of x times a matrix, whatever the rank of x."""
    if x.rank == 2:
        return matmul(x, kernel)
    flat = matmul(reshape(x, [-1, kernel.shape[0]]), kernel)
    return reshape(flat, [*(dim(x, i) for i in range(x.rank - 1)), kernel.shape[1]])


def bias_add(x: Tensor, bias: Tensor) -> Tensor:
    """x plus a vector along the last dimension."""
    if x.rank == 1:
        return x + bias
    return x.graph.one("BiasAdd", [x, bias], x.dtype, x.shape, {"T": Type(x.dtype)})


def softmax(x: Tensor, axis: int = -1, name: str = "") -> Tensor:
    """Softmax along one axis."""
    axis %= x.rank
    if axis == x.rank - 1:
        return unary("Softmax", x, name=name)
    order = [i for i in range(x.rank) if i != axis] + [axis]
    back = [order.index(i) for i in range(x.rank)]
    return transpose(unary("Softmax", transpose(x, order), name=name), back)
