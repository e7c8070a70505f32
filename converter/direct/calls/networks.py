"""Functions of tf.nn on images: pooling, blocks, normalisation. Channels come last."""

from __future__ import annotations

from typing import Any

from converter.direct.call import Call
from converter.direct.calls.elementwise import rsqrt
from converter.direct.calls.operands import alike, integer, integers, tensor, text
from converter.direct.calls.table import function
from converter.direct.graph import Tensor
from converter.direct.ops import spatial
from converter.direct.protos import Type


def window(value: Any) -> tuple[int, int]:
    """A window's height and width, given for these or for all four dimensions."""
    found = integers(value)
    if len(found) == 4 and found[0] == found[3] == 1:
        found = found[1:3]
    if len(found) not in (1, 2):
        raise ValueError(f"a window of {value!r}")
    return found[0], found[-1]


def _channels_last(data_format: Any) -> None:
    if data_format is not None and text(data_format) != "NHWC":
        raise ValueError(f"images laid out as {data_format!r}")


def _pool(op: str) -> Any:
    def build(
        call: Call, input: Any, ksize: Any, strides: Any, *, padding: Any, data_format: Any = None
    ) -> Tensor:
        _channels_last(data_format)
        kind = text(padding).upper()
        return spatial.pool(op, tensor(call, input), window(ksize), window(strides), kind)

    return build


max_pool = function("nn.max_pool2d nn.max_pool")(_pool("MaxPool"))
average_pool = function("nn.avg_pool2d nn.avg_pool")(_pool("AvgPool"))


@function("nn.conv2d")
def conv2d(
    call: Call,
    input: Any,
    filters: Any,
    strides: Any = 1,
    padding: Any = "VALID",
    *,
    data_format: Any = None,
    dilations: Any = None,
) -> Tensor:
    """A convolution with a kernel that is given."""
    x, kernel = alike(call, input, filters)
    _channels_last(data_format)
    wide = window(1 if dilations is None else dilations)
    return spatial.conv(x, kernel, window(strides), text(padding).upper(), wide)


@function("nn.depth_to_space")
def depth_to_space(call: Call, input: Any, block_size: Any, data_format: Any = None) -> Tensor:
    """Channels laid out as blocks of places."""
    x, block = tensor(call, input), integer(block_size)
    _channels_last(data_format)
    batch, *places, depth = x.shape
    wide = [None if d is None else d * block for d in places]
    shape = (batch, *wide, None if depth is None else depth // block**2)
    attrs = {"T": Type(x.dtype), "block_size": block}
    return call.graph.one("DepthToSpace", [x], x.dtype, shape, attrs)


@function("nn.space_to_depth")
def space_to_depth(call: Call, input: Any, block_size: Any, data_format: Any = None) -> Tensor:
    """Blocks of places laid out as channels."""
    x, block = tensor(call, input), integer(block_size)
    _channels_last(data_format)
    batch, *places, depth = x.shape
    narrow = [None if d is None else d // block for d in places]
    shape = (batch, *narrow, None if depth is None else depth * block**2)
    attrs = {"T": Type(x.dtype), "block_size": block}
    return call.graph.one("SpaceToDepth", [x], x.dtype, shape, attrs)


@function("nn.local_response_normalization nn.lrn")
def local_response_normalization(
    call: Call,
    input: Any,
    depth_radius: Any = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    *,
    beta: float = 0.5,
) -> Tensor:
    """Each value divided by the strength of its neighbours among the channels."""
    x = tensor(call, input)
    attrs = {
        "T": Type(x.dtype),
        "depth_radius": integer(depth_radius),
        "bias": float(bias),
        "alpha": float(alpha),
        "beta": float(beta),
    }
    return call.graph.one("LRN", [x], x.dtype, x.shape, attrs)


@function("nn.batch_normalization")
def batch_normalization(
    call: Call,
    x: Any,
    mean: Any,
    variance: Any,
    *,
    offset: Any,
    scale: Any,
    variance_epsilon: Any,
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon), scaled and moved."""
    given, middle, spread = alike(call, x, mean, variance)
    factor = rsqrt(call, spread + float(variance_epsilon))
    if scale is not None:
        factor *= tensor(call, scale, given.dtype)
    start = -middle * factor
    if offset is not None:
        start += tensor(call, offset, given.dtype)
    return given * factor + start
