"""Tensor messages become arrays and back, by TensorFlow's own rules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from converter.serving.status import Code, StatusError
from converter.serving.tensors import (
    KINDS,
    OPAQUE,
    Tensor,
    as_entry,
    from_proto,
    name_of,
    of_array,
    to_proto,
)
from converter.wire.apis_pb2 import PredictRequest
from converter.wire.tensorflow_pb2 import DataType, TensorProto

HELD = {dtype: kind for dtype, kind in KINDS.items() if dtype not in OPAQUE}
NUMBERS = {dtype: kind for dtype, kind in HELD.items() if dtype != DataType.DT_STRING}


def read(text: str) -> Tensor:
    return from_proto(text_format.Parse(text, TensorProto()), "x")


def written(tensor: Tensor, *, content: bool) -> TensorProto:
    proto = TensorProto()
    to_proto(tensor, proto, content=content)
    return proto


def same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays are the same to the bit; NaNs too."""
    if a.dtype.hasobject:
        return a.shape == b.shape and a.ravel().tolist() == b.ravel().tolist()
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """Any tensor of any kind that has values, of up to four dimensions."""
    dtype = draw(st.sampled_from(sorted(HELD)))
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    if dtype == DataType.DT_STRING:
        count = math.prod(shape)
        array = np.empty(count, object)
        array[:] = draw(st.lists(st.binary(max_size=300), min_size=count, max_size=count))
        return Tensor(dtype, array.reshape(shape))
    return Tensor(dtype, draw(arrays.arrays(HELD[dtype].numpy, shape)))


@given(tensors(), st.booleans())
def test_a_tensor_survives_the_wire(tensor: Tensor, content: bool) -> None:
    proto = TensorProto.FromString(written(tensor, content=content).SerializeToString())
    again = from_proto(proto, "x")
    assert again.dtype == tensor.dtype
    assert same(again.array, tensor.array)


@given(tensors())
def test_only_the_field_of_the_kind_is_written(tensor: Tensor) -> None:
    names = {field.name for field, _ in written(tensor, content=False).ListFields()}
    assert names - {KINDS[tensor.dtype].field} == {"dtype", "tensor_shape"}


@given(tensors())
def test_numbers_are_written_as_content_when_asked(tensor: Tensor) -> None:
    names = {field.name for field, _ in written(tensor, content=True).ListFields()}
    held = "string_val" if tensor.dtype == DataType.DT_STRING else "tensor_content"
    assert names - {held} == {"dtype", "tensor_shape"}


@given(arrays.arrays(arrays.array_dtypes(arrays.scalar_dtypes()).map(lambda d: d.base), (2, 2)))
def test_an_array_of_any_dtype_is_a_tensor_or_refused(array: NDArray[Any]) -> None:
    try:
        tensor = of_array(array)
    except TypeError:
        assert array.dtype.kind in "mMVgGfc"
    else:
        assert tensor.array.dtype == KINDS[tensor.dtype].numpy
        if array.dtype.kind not in "SU":
            np.testing.assert_array_equal(tensor.array, array)


@pytest.mark.parametrize("dtype", sorted(NUMBERS), ids=lambda dtype: name_of(int(dtype)))
def test_the_array_of_a_kind_has_its_dtype(dtype: int) -> None:
    tensor = from_proto(TensorProto(dtype=DataType.Name(dtype)), "x")
    assert tensor.array.dtype == KINDS[dtype].numpy
    assert tensor.array.dtype.newbyteorder("<") == tensor.array.dtype
    assert tensor.array.tolist() == 0


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("dtype: DT_FLOAT tensor_shape{dim{size:4}} float_val: 3", [3, 3, 3, 3]),
        ("dtype: DT_FLOAT tensor_shape{dim{size:3}} float_val: 1 float_val: 2", [1, 2, 2]),
        ("dtype: DT_FLOAT tensor_shape{dim{size:1}} float_val: 1 float_val: 2", [1]),
        ("dtype: DT_FLOAT tensor_shape{dim{size:2}}", [0, 0]),
        ("dtype: DT_FLOAT tensor_shape{dim{size:2}} double_val: 7", [0, 0]),
        ("dtype: DT_FLOAT tensor_shape{dim{size:0}} tensor_content: 'abc'", []),
        ("dtype: DT_UINT8 tensor_shape{dim{size:1}} tensor_content: '\\001' int_val: 9", [1]),
        ("dtype: DT_STRING tensor_shape{dim{size:2}} string_val: 'b\\000'", "b\0 b\0"),
        ("dtype: DT_STRING tensor_shape{dim{size:2}}", " "),
        ("dtype: DT_STRING tensor_shape{dim{size:2}} tensor_content: '\\001\\002abc'", "a bc"),
        ("dtype: DT_COMPLEX64 tensor_shape{dim{size:2}} scomplex_val: [1, 2, 3]", [1 + 2j, 1 + 2j]),
        ("dtype: DT_COMPLEX64 tensor_shape{dim{size:2}} scomplex_val: 1", [0, 0]),
        ("dtype: DT_INT8 tensor_shape{dim{size:2}} int_val: 300 int_val: -129", [44, 127]),
        ("dtype: DT_UINT16 tensor_shape{dim{size:2}} int_val: 65537 int_val: -1", [1, 65535]),
        ("dtype: DT_HALF tensor_shape{dim{size:2}} half_val: [15360, 31743]", [1, 65504]),
        ("dtype: DT_HALF tensor_shape{dim{size:1}} half_val: 80896", [1]),
        ("dtype: DT_BFLOAT16 tensor_shape{dim{size:1}} half_val: 16256", [16256]),
        ("dtype: DT_FLOAT8_E5M2 tensor_shape{dim{size:2}} float8_val: '\\074'", [60, 60]),
        ("dtype: DT_FLOAT tensor_shape{unknown_rank:true} float_val: 1", 1),
        ("dtype: DT_FLOAT tensor_shape{unknown_rank:true dim{size:2}} float_val: 1", [1, 1]),
        ("dtype: DT_FLOAT float_val: 1", 1),
    ],
)  # fmt: skip
def test_values_are_read_as_tensorflow_reads_them(text: str, values: Any) -> None:
    wanted = [part.encode() for part in values.split(" ")] if isinstance(values, str) else values
    assert read(text).array.tolist() == wanted


def test_the_sign_of_a_repeated_zero_stays() -> None:
    array = read("dtype: DT_FLOAT tensor_shape{dim{size:2}} float_val: -0.0").array
    assert np.signbit(array).all()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dtype: DT_FLOAT_REF float_val: 1",
        "dtype: DT_FLOAT tensor_shape{dim{size:-1}} float_val: 1",
        "dtype: DT_FLOAT tensor_shape{dim{size:2} dim{size:-1}}",
        "dtype: DT_FLOAT tensor_shape{dim{size:3}} tensor_content: '01234567'",
        "dtype: DT_FLOAT tensor_shape{dim{size:1}} tensor_content: 'abc'",
        "dtype: DT_BOOL tensor_shape{dim{size:2}} tensor_content: '\\001\\002'",
        "dtype: DT_STRING tensor_shape{dim{size:2}} tensor_content: '\\001\\002abcd'",
        "dtype: DT_STRING tensor_shape{dim{size:2}} tensor_content: '\\001\\002ab'",
        "dtype: DT_STRING tensor_shape{dim{size:1}} tensor_content: '\\377'",
        "dtype: DT_STRING tensor_shape{} tensor_content: '\\200\\200\\200\\200\\200\\000'",
        "dtype: DT_FLOAT tensor_shape{" + "dim{size:1}" * 255 + "}",
    ],
)  # fmt: skip
def test_what_is_no_tensor_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(StatusError) as caught:
        read(text)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message == "tensor parsing error: x"


@pytest.mark.parametrize("values", ["", "float_val: 1", "tensor_content: 'abcd'"])
@pytest.mark.parametrize(
    "dims", ["1099511627776", "1099511627776 1099511627776", "4611686018427387904 2 0", "0 {0} {0}"]
)
def test_a_huge_shape_takes_no_memory(dims: str, values: str) -> None:
    shape = "".join(f"dim{{size:{size}}}" for size in dims.format(2**40).split())
    for dtype in ("DT_FLOAT", "DT_STRING", "DT_VARIANT"):
        with pytest.raises(StatusError, match="tensor parsing error: x"):
            read(f"dtype: {dtype} tensor_shape {{ {shape} }} {values}")


def test_a_resource_is_refused_in_the_words_of_tensorflow() -> None:
    with pytest.raises(StatusError, match=r"hash code: 5\(name: n type: t\)\. Perhaps a resource"):
        read(
            "dtype: DT_RESOURCE resource_handle_val { hash_code: 5 name: 'n' maybe_type_name: 't' }"
        )


def test_a_variant_is_held_for_the_graph_to_refuse() -> None:
    tensor = read("dtype: DT_VARIANT tensor_shape{dim{size:1}}")
    assert (tensor.dtype, tensor.array.shape) == (DataType.DT_VARIANT, (1,))


def test_bfloat16_has_float32_values() -> None:
    tensor = Tensor(DataType.DT_BFLOAT16, np.array([0x3F80, 0xC000, 0x7F80, 0x0001], "<u2"))
    assert tensor.values().dtype == np.float32
    assert tensor.values().tolist() == [1.0, -2.0, math.inf, 2.0**-133]


def test_texts_become_utf8() -> None:
    assert of_array(np.array([["ä", "b"]])).array.tolist() == [["ä".encode(), b"b"]]
    assert of_array("one").array.tolist() == b"one"
    assert of_array(np.array([b"\xff", "x"], object)).array.tolist() == [b"\xff", b"x"]


@pytest.mark.parametrize(
    "array",
    [np.array([1, "a"], object), np.array(["2020-01-01"], "M8[D]"), np.zeros(1, np.longdouble)],
    ids=["mixed", "dates", "long doubles"],
)
def test_an_array_that_no_tensor_can_hold_is_refused(array: NDArray[Any]) -> None:
    with pytest.raises(TypeError, match="no tensor can hold"):
        of_array(array)


def test_arrays_of_other_byte_order_and_layout_are_written_right() -> None:
    array = np.arange(6, dtype=">f4").reshape(2, 3).T
    for content in (False, True):
        again = from_proto(written(of_array(array), content=content), "x").array
        assert again.tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (0, "INVALID"),
        (1, "float"),
        (7, "string"),
        (14, "bfloat16"),
        (19, "half"),
        (101, "float_ref"),
        (119, "half_ref"),
        (99, "unknown dtype enum (99)"),
    ],
)
def test_dtypes_have_the_names_tensorflow_prints(dtype: int, name: str) -> None:
    assert name_of(dtype) == name


def test_every_data_type_has_a_kind() -> None:
    plain = {number for number in DataType.values() if 0 < number < 100}
    assert plain == set(KINDS)


@pytest.mark.parametrize("dtype", [d for d in KINDS if d not in OPAQUE], ids=name_of)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)], ids=str)
def test_the_pieces_of_an_entry_are_the_message_with_its_content(
    dtype: int, shape: tuple[int, ...]
) -> None:
    kind = KINDS[dtype]
    values = b"text" if kind.numpy.hasobject else 1
    tensor = Tensor(dtype, np.full(shape, values, kind.numpy))
    wanted = PredictRequest(output_filter=["y"])
    to_proto(tensor, wanted.inputs["ключ"], content=True)
    head = PredictRequest(output_filter=["y"]).SerializeToString()
    assert PredictRequest.FromString(head + b"".join(as_entry(tensor, "ключ", 2))) == wanted
