"""A request means the same whether its large tensors are cut out of its bytes or not."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from converter.serving import large
from converter.serving.tensors import as_entry, of_array, to_proto
from converter.wire.apis_pb2 import PredictRequest
from converter.wire.tensorflow_pb2 import DT_FLOAT

IMAGE = np.arange(320 * 320 * 3, dtype=np.float32).reshape(1, 320, 320, 3)

small = st.binary(max_size=40)


@st.composite
def requests(draw: st.DrawFn) -> PredictRequest:
    request = PredictRequest(output_filter=draw(st.lists(st.text(max_size=3), max_size=3)))
    request.model_spec.name = draw(st.text(max_size=5))
    for name in draw(st.lists(st.text(max_size=3), max_size=4)):
        tensor = request.inputs[name]
        tensor.dtype = DT_FLOAT
        tensor.tensor_content = draw(small)
        tensor.float_val.extend(draw(st.lists(st.floats(width=32), max_size=8)))
        tensor.version_number = draw(st.integers(-2, 2))
    return request


@pytest.fixture(autouse=True, scope="module")
def smaller() -> object:
    """Count from a few bytes on as large, so that every kind of message is met."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "LARGE", 16)
        yield


def _whole(data: bytes) -> PredictRequest:
    """The message with its contents put back."""
    request, contents = large.parse(data)
    for name, content in contents.items():
        assert not request.inputs[name].tensor_content
        request.inputs[name].tensor_content = bytes(content)
    return request


@given(st.lists(requests(), min_size=1, max_size=2))
def test_the_request_is_the_one_protobuf_reads(parts: list[PredictRequest]) -> None:
    """Two messages one after the other are one message, in which later fields win."""
    data = b"".join(part.SerializeToString() for part in parts)
    told = _whole(data).SerializeToString(deterministic=True)
    assert told == PredictRequest.FromString(data).SerializeToString(deterministic=True)


@given(requests(), st.data())
def test_damaged_bytes_are_refused_where_protobuf_refuses_them(
    request: PredictRequest, data: st.DataObject
) -> None:
    whole = bytearray(request.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3)) if whole else 0):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        wanted = PredictRequest.FromString(bytes(whole))
    except DecodeError:
        with pytest.raises(DecodeError):
            large.parse(bytes(whole))
    else:
        told = _whole(bytes(whole)).SerializeToString(deterministic=True)
        assert told == wanted.SerializeToString(deterministic=True)


def test_an_image_is_not_copied() -> None:
    data = b"".join(as_entry(of_array(IMAGE), "pixels", 2))
    request, contents = large.parse(data)
    assert contents["pixels"].obj is data
    assert contents["pixels"] == IMAGE.tobytes()
    assert [dim.size for dim in request.inputs["pixels"].tensor_shape.dim] == [1, 320, 320, 3]


def test_typed_fields_are_left_to_protobuf() -> None:
    request = PredictRequest()
    to_proto(of_array(IMAGE), request.inputs["pixels"], content=False)
    parsed, contents = large.parse(request.SerializeToString())
    assert (parsed, contents) == (request, {})
