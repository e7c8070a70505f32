"""TensorFlow operations and calls that are arithmetic on tensors, and nothing more.

Operation layers name an operation (TensorFlowOpLayer) or a Python call (TFOpLambda) that loading
would look up in TensorFlow. What is not listed here is refused: TensorFlow also has operations that
read files, run Python or talk to other machines.
"""

from __future__ import annotations

import re

# Operations of a graph. Source: op definitions of TensorFlow 2.15, those without state or files.
OPERATIONS = frozenset(
    """
    Abs Acos Acosh Add AddN AddV2 All Angle Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh AvgPool
    AvgPool3D BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpace BatchToSpaceND BiasAdd Bincount
    BitwiseAnd BitwiseOr BitwiseXor BroadcastArgs BroadcastTo Bucketize Cast Ceil ClipByValue
    Complex ComplexAbs Concat ConcatV2 Conj Const Conv2D Conv2DBackpropInput Conv3D
    Conv3DBackpropInputV2 Cos Cosh CropAndResize Cross Cumprod Cumsum DepthToSpace
    DepthwiseConv2dNative Diag DiagPart Digamma Div DivNoNan DynamicPartition DynamicStitch Einsum
    Elu EnsureShape Equal Erf Erfc EuclideanNorm Exp ExpandDims Expm1 ExtractImagePatches FFT FFT2D
    FFT3D Fill
    Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd
    GatherV2 Greater GreaterEqual IFFT IFFT2D IFFT3D IRFFT Identity IdentityN Imag InTopK InTopKV2
    Inv Invert InvertPermutation IsFinite IsInf IsNan L2Loss LRN LeakyRelu Less LessEqual Lgamma
    LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul MatrixBandPart MatrixDiag
    MatrixDiagPart MatrixInverse MatrixSetDiag MatrixSolve MatrixTranspose Max MaxPool MaxPool3D
    MaxPoolV2 Maximum Mean Min Minimum MirrorPad Mod Mul MulNoNan Neg NoOp NonMaxSuppression
    NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5 NotEqual OneHot
    OnesLike Pack Pad PadV2 ParallelStack Pow PreventGradient Prod RFFT Range Rank Real RealDiv
    Reciprocal Relu Relu6 Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
    Reverse ReverseSequence ReverseV2 Rint Roll Round Rsqrt ScatterNd SegmentMax SegmentMean
    SegmentMin SegmentProd SegmentSum Select SelectV2 Selu Shape ShapeN Sigmoid Sign Sin Sinh Size
    Slice Snapshot Softmax Softplus Softsign SpaceToBatch SpaceToBatchND SpaceToDepth
    SparseToDense Split SplitV Sqrt Square SquaredDifference Squeeze StopGradient StridedSlice Sub
    Sum Tan Tanh TensorScatterUpdate Tile TopK TopKV2 Transpose TruncateDiv TruncateMod Unpack
    UnravelIndex UnsortedSegmentMax UnsortedSegmentMean UnsortedSegmentMin UnsortedSegmentSum Where
    Xdivy Xlogy ZerosLike Zeta
    """.split()
)

# Calls at the top of the tf namespace.
CALLS = frozenset(
    """
    abs acos acosh add add_n argmax argmin argsort asin asinh atan atan2 atanh batch_to_space
    boolean_mask broadcast_to cast clip_by_norm clip_by_value complex concat constant
    convert_to_tensor cos cosh cumsum dynamic_partition dynamic_stitch einsum ensure_shape equal
    exp expand_dims eye fill floor floor_div gather gather_nd greater greater_equal identity less
    less_equal
    linspace logical_and logical_not logical_or matmul maximum meshgrid minimum multiply negative
    norm not_equal one_hot ones ones_like pad pow range rank realdiv reduce_all reduce_any
    reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_sum repeat reshape
    reverse reverse_sequence roll round saturate_cast scatter_nd searchsorted sequence_mask shape
    sigmoid sign sin sinh size slice sort space_to_batch space_to_depth depth_to_space split sqrt
    square squeeze stack stop_gradient strided_slice subtract tan tanh tensordot
    tensor_scatter_nd_update tile transpose truediv unstack where zeros zeros_like
    """.split()
)

# Calls of keras.backend, beside those that it shares with the top of the namespace.
BACKEND_CALLS = frozenset(
    """
    all any batch_dot batch_flatten clip concatenate dot elu flatten hard_sigmoid l2_normalize log
    max mean min one_hot permute_dimensions prod relu repeat_elements resize_images softmax
    softplus softsign spatial_2d_padding std sum switch temporal_padding var
    """.split()
)

# Namespaces all of whose calls compute.
NAMESPACES = re.compile(
    r"(compat\.v1\.)?(math|nn|linalg|signal|bitwise|__operators__"
    r"|keras\.activations\.(?!(get|serialize|deserialize)$)"
    r"|image\.(?=(resize|crop|flip|rot|rgb|hsv|adjust|per_image|central|pad|grayscale)))\.?[a-z_0-9]+"
)
VERSION_1 = "compat.v1."
BACKEND = "keras.backend."


def is_arithmetic_operation(name: str | None) -> bool:
    """Whether a graph's operation computes from its inputs alone."""
    return name in OPERATIONS


def is_arithmetic_call(name: str) -> bool:
    """Whether a call, named as TFOpLambda does it ('math.add'), computes from its inputs alone."""
    if name.startswith(BACKEND):
        return name.removeprefix(BACKEND) in CALLS | BACKEND_CALLS
    return name.removeprefix(VERSION_1) in CALLS or NAMESPACES.fullmatch(name) is not None


def operation_of(node_def: object) -> str | None:
    """The op of a NodeDef that has exactly one; None for anything else.

    `node_def`: the message as an object, as a protobuf in text (TensorFlow 2.0).
    """
    if isinstance(node_def, dict):
        operation = node_def.get("op")
        return operation if isinstance(operation, str) else None
    if not isinstance(node_def, str):
        return None
    try:
        operations = [value for number, value in _fields(node_def.encode("utf-8")) if number == 2]
    except (ValueError, IndexError):
        return None
    return operations[0].decode("utf-8", "replace") if len(operations) == 1 else None


def _fields(message: bytes) -> list[tuple[int, bytes]]:
    """(number, bytes) of each length-delimited field; ValueError or IndexError for other messages.

    A NodeDef has no fields of another wire type.
    """
    found = []
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        size, at = _varint(message, at)
        if tag & 7 != 2 or at + size > len(message):
            raise ValueError("not a NodeDef")
        found.append((tag >> 3, message[at : at + size]))
        at += size
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than ten bytes")
