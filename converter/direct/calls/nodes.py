"""Which function makes what a TensorFlow operation makes.

What TensorFlow 1.12 does not know is made of what it knows: a NodeDef is never copied. Source: the
op definitions of TensorFlow 2.15.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from converter.direct.call import Call
from converter.direct.calls import products, shaping
from converter.direct.calls.elementwise import BINARY, COMPARISONS, LOGICAL, TESTS, UNARY
from converter.direct.calls.operands import integers, tensor
from converter.direct.calls.table import invoke
from converter.direct.dtypes import NAMES
from converter.direct.registry import Result
from converter.wire.graph_pb2 import AttrValue, NodeDef

Attrs = Mapping[str, Any]
Build = Callable[[Call, Sequence[Any], Attrs], Result]


@dataclass(frozen=True)
class Same:
    """An operation that a function makes of the same inputs.

    attrs: attributes that are the function's arguments, by its names of them. must: attributes that
    may only have this value. typed: places of inputs whose dtype the attribute T tells.
    """

    function: str
    attrs: Mapping[str, str] = field(default_factory=dict)
    must: Mapping[str, Any] = field(default_factory=dict)
    typed: Sequence[int] = ()

    def __call__(self, call: Call, inputs: Sequence[Any], attrs: Attrs) -> Result:
        """What the function gives."""
        for name, value in self.must.items():
            if attrs.get(name, value) != value:
                raise ValueError(f"an operation whose {name} is {attrs[name]!r}")
        given = [
            np.asarray(value, attrs["T"]) if i in self.typed and not _is_tensor(value) else value
            for i, value in enumerate(inputs)
        ]
        named = {new: attrs[old] for old, new in self.attrs.items() if old in attrs}
        return invoke(call, self.function, given, named)


def _is_tensor(value: Any) -> bool:
    return not isinstance(value, int | float | bool | list)


REDUCTIONS = {
    "Sum": "reduce_sum",
    "Mean": "reduce_mean",
    "Max": "reduce_max",
    "Min": "reduce_min",
    "Prod": "reduce_prod",
    "All": "reduce_all",
    "Any": "reduce_any",
    "EuclideanNorm": "math.reduce_euclidean_norm",
}
MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
LAST = {"data_format": b"NHWC"}
POOL = {"ksize": "ksize", "strides": "strides", "padding": "padding"}
RESIZE = {"align_corners": "align_corners", "half_pixel_centers": "half_pixel_centers"}
RUNNING = {"exclusive": "exclusive", "reverse": "reverse"}

# Operations whose inputs are a function's arguments, in their order.
SAME: dict[str, Same] = {
    "AddV2": Same("add"),
    "ArgMax": Same("argmax", {"output_type": "output_type"}),
    "ArgMin": Same("argmin", {"output_type": "output_type"}),
    "Atan2": Same("atan2"),
    "AvgPool": Same("nn.avg_pool", POOL, LAST),
    "BiasAdd": Same("nn.bias_add", {"data_format": "data_format"}),
    "BroadcastTo": Same("broadcast_to", typed=[0]),
    "Cast": Same("cast", {"DstT": "dtype"}, {"Truncate": False}),
    "ClipByValue": Same("clip_by_value"),
    "Conv2D": Same(
        "nn.conv2d",
        {"strides": "strides", "padding": "padding", "dilations": "dilations"},
        LAST | {"explicit_paddings": []},
    ),
    "Cumprod": Same("cumprod", RUNNING),
    "Cumsum": Same("cumsum", RUNNING),
    "DepthToSpace": Same("nn.depth_to_space", {"block_size": "block_size"}, LAST),
    "Div": Same("realdiv", must={"T": "float32"}),
    "ExpandDims": Same("expand_dims"),
    "Fill": Same("fill", typed=[1]),
    "Gather": Same("gather"),
    "GatherNd": Same("gather_nd"),
    "GatherV2": Same("gather", {"batch_dims": "batch_dims"}),
    "Identity": Same("identity"),
    "Inv": Same("math.reciprocal"),
    "L2Loss": Same("nn.l2_loss"),
    "LRN": Same(
        "nn.lrn",
        {"depth_radius": "depth_radius", "bias": "bias", "alpha": "alpha", "beta": "beta"},
    ),
    "LeakyRelu": Same("nn.leaky_relu", {"alpha": "alpha"}),
    "LogSoftmax": Same("nn.log_softmax"),
    "LogicalNot": Same("logical_not"),
    "MatMul": Same("matmul", {"transpose_a": "transpose_a", "transpose_b": "transpose_b"}),
    "MatrixBandPart": Same("linalg.band_part"),
    "MatrixDiag": Same("linalg.diag"),
    "MatrixDiagPart": Same("linalg.diag_part"),
    "MaxPool": Same("nn.max_pool", POOL, LAST | {"explicit_paddings": []}),
    "MirrorPad": Same("pad", {"mode": "mode"}),
    "MulNoNan": Same("math.multiply_no_nan"),
    "OneHot": Same("one_hot", {"axis": "axis"}, typed=[2, 3]),
    "OnesLike": Same("ones_like"),
    "Pad": Same("pad"),
    "PreventGradient": Same("identity"),
    "Range": Same("range", {"Tidx": "dtype"}),
    "Rank": Same("rank"),
    "Reshape": Same("reshape"),
    "ResizeBilinear": Same("image.resize_bilinear", RESIZE),
    "ResizeNearestNeighbor": Same("image.resize_nearest_neighbor", RESIZE),
    "ReverseV2": Same("reverse"),
    "Roll": Same("roll"),
    "Rsqrt": Same("math.rsqrt"),
    "Select": Same("compat.v1.where", typed=[1, 2]),
    "SelectV2": Same("where", typed=[1, 2]),
    "Shape": Same("shape", {"out_type": "out_type"}),
    "Size": Same("size", {"out_type": "out_type"}),
    "Slice": Same("slice"),
    "Snapshot": Same("identity"),
    "Softmax": Same("nn.softmax"),
    "SpaceToDepth": Same("nn.space_to_depth", {"block_size": "block_size"}, LAST),
    "SplitV": Same("split", {}),
    "Squeeze": Same("squeeze", {"squeeze_dims": "axis"}),
    "StopGradient": Same("identity"),
    "StridedSlice": Same("strided_slice", {mask: mask for mask in MASKS}),
    "Tile": Same("tile"),
    "TopKV2": Same("nn.top_k", {"sorted": "sorted"}),
    "Transpose": Same("transpose"),
    "Unpack": Same("unstack", {"num": "num", "axis": "axis"}),
    "Where": Same("where"),
    "ZerosLike": Same("zeros_like"),
}
SAME |= {op: Same(name, {"keep_dims": "keepdims"}) for op, name in REDUCTIONS.items()}
for _known in (UNARY, BINARY, COMPARISONS, LOGICAL, TESTS):
    SAME |= {op: Same(names.split()[0]) for op, names in _known.items()}


def _concat(call: Call, inputs: Sequence[Any], _: Attrs) -> Result:
    return shaping.concat(call, list(inputs[:-1]), inputs[-1])


def _pack(call: Call, inputs: Sequence[Any], attrs: Attrs) -> Result:
    return shaping.stack(call, list(inputs), attrs.get("axis", 0))


def _split(call: Call, inputs: Sequence[Any], attrs: Attrs) -> Result:
    return shaping.split(call, inputs[1], attrs["num_split"], inputs[0])


def _pad(call: Call, inputs: Sequence[Any], _: Attrs) -> Result:
    return shaping.pad(call, inputs[0], inputs[1], constant_values=inputs[2])


def _diagonal(call: Call, inputs: Sequence[Any], _: Attrs) -> Result:
    x, place, *_padding = inputs
    if integers(place) != [0]:
        raise ValueError("a diagonal that is not the middle one")
    return shaping.diag_part(call, x)


def _einsum(call: Call, inputs: Sequence[Any], attrs: Attrs) -> Result:
    return products.einsum(call, attrs["equation"], *inputs)


def _identities(call: Call, inputs: Sequence[Any], _: Attrs) -> Result:
    return [tensor(call, x).with_mask(None) for x in inputs]


def _batch_matmul(call: Call, inputs: Sequence[Any], attrs: Attrs) -> Result:
    x, y = inputs
    first, second = bool(attrs.get("adj_x", False)), bool(attrs.get("adj_y", False))
    return products.matmul(call, x, y, first, second)


# Operations whose inputs go elsewhere.
OTHERS: dict[str, Build] = {
    "AddN": lambda call, inputs, _: invoke(call, "add_n", [list(inputs)], {}),
    "BatchMatMul": _batch_matmul,
    "BatchMatMulV2": _batch_matmul,
    "ConcatV2": _concat,
    "Einsum": _einsum,
    "IdentityN": _identities,
    "Pack": _pack,
    "MatrixDiagPartV2": _diagonal,
    "MatrixDiagPartV3": _diagonal,
    "PadV2": _pad,
    "Split": _split,
}


def build(call: Call, node: NodeDef, inputs: Sequence[Any]) -> Result:
    """What a node makes of its inputs, of which some are numbers and lists."""
    found = SAME.get(node.op) or OTHERS.get(node.op)
    if found is None:
        raise call.refuse(f"there is no rule for the operation {node.op}")
    return found(call, inputs, {key: _value(call, attr) for key, attr in node.attr.items()})


def _value(call: Call, attr: AttrValue) -> Any:
    """An attribute: texts are bytes, DataTypes the names of dtypes."""
    match attr.WhichOneof("value"):
        case "type":
            return NAMES.get(attr.type, str(attr.type))
        case "list":
            held = attr.list
            return [*held.i, *held.f, *held.b, *held.s]
        case "s" | "i" | "f" | "b" as kind:
            return getattr(attr, kind)
        case kind:
            raise call.refuse(f"it has an attribute that is a {kind}")
