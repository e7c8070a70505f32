"""Replies are JSON of the values that TensorFlow Serving writes; what the recordings leave out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from converter.serving import tensors
from converter.serving.server import json_reply
from converter.serving.server.json_text import as_text
from converter.serving.status import StatusError
from converter.serving.tensors import KINDS, Tensor
from converter.wire.apis_pb2 import ClassificationResult, RegressionResult
from converter.wire.tensorflow_pb2 import DataType, SignatureDef

DTYPES = ["f4", "f8", "i1", "i2", "i4", "i8", "u1", "u4", "u8", "?"]


def replied(row: bool, **outputs: Any) -> Any:
    """The value of a reply."""
    made = {alias: tensors.of_array(value) for alias, value in outputs.items()}
    return json.loads(json_reply.predict_reply(row, made))


def refusal(row: bool, outputs: dict[str, Tensor]) -> str:
    """Why there is no reply."""
    with pytest.raises(StatusError) as raised:
        json_reply.predict_reply(row, outputs)
    return raised.value.message


def arrays(least: int) -> st.SearchStrategy[Any]:
    """Arrays of the dtypes that JSON has numbers for."""
    shapes = hnp.array_shapes(min_dims=least, max_dims=4, min_side=0, max_side=4)
    return st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, shapes))


@settings(deadline=None)
@given(arrays(0))
def test_a_column_is_read_back_to_the_bit(array: Any) -> None:
    value = replied(False, y=array)["outputs"]
    _check(value, array)


@settings(deadline=None)
@given(arrays(1))
def test_rows_of_one_output_are_read_back_to_the_bit(array: Any) -> None:
    _check(replied(True, y=array)["predictions"], array)


@settings(deadline=None)
@given(st.data(), arrays(1))
def test_rows_of_several_outputs_are_objects(data: st.DataObject, array: Any) -> None:
    other = data.draw(hnp.arrays("f4", (len(array), *data.draw(hnp.array_shapes(max_dims=2)))))
    rows = replied(True, y=array, z=other)["predictions"]
    assert all(row.keys() == {"y", "z"} for row in rows)
    _check([row["y"] for row in rows], array)
    _check([row["z"] for row in rows], other)


@settings(deadline=None)
@given(arrays(0), arrays(0))
def test_several_columns_are_members_of_an_object(array: Any, other: Any) -> None:
    columns = replied(False, y=array, z=other)["outputs"]
    _check(columns["y"], array)
    _check(columns["z"], other)


def _check(value: Any, array: Any) -> None:
    if not array.size:
        assert value == array.tolist()
        return
    read = np.array(value, array.dtype)
    assert read.shape == array.shape
    np.testing.assert_array_equal(read, array)
    if array.dtype.kind == "f":
        numbers = ~np.isnan(array)
        np.testing.assert_array_equal(np.signbit(read)[numbers], np.signbit(array)[numbers])
    first = value
    while isinstance(first, list):
        first = first[0]
    assert type(first) is _KINDS[array.dtype.kind]


_KINDS = {"f": float, "i": int, "u": int, "b": bool}


def test_numbers_beyond_json_stand_bare() -> None:
    array = np.array([[1.5, np.nan], [np.inf, -np.inf]], "f4")
    for dtype in ("f4", "f8"):
        text = json_reply.predict_reply(False, {"y": tensors.of_array(array.astype(dtype))})
        assert text == b'{"outputs": [[1.5,NaN],[Infinity,-Infinity]]}'


def test_zero_keeps_its_sign() -> None:
    assert json_reply.predict_reply(True, {"y": tensors.of_array(np.array([-0.0, 0.0], "f4"))}) == (
        b'{"predictions": [-0.0,0.0]}'
    )


def test_arrays_that_are_views_are_written_in_their_own_order() -> None:
    array = np.arange(12, dtype="f4").reshape(3, 4)
    assert replied(False, y=array.T)["outputs"] == array.T.tolist()
    assert replied(False, y=array[::-1, ::2])["outputs"] == array[::-1, ::2].tolist()
    assert replied(True, y=array.T, z=array.T[:, 0])["predictions"][1] == {"y": [1, 5, 9], "z": 1}


def test_texts_are_bytes_as_they_are_or_in_base64_by_their_alias() -> None:
    texts = Tensor(DataType.DT_STRING, np.array([[b"a\0\n"], [b'\xff"']], object))
    plain = json_reply.predict_reply(False, {"y": texts})
    assert plain == b'{"outputs": [["a\\u0000\\n"], ["\xff\\""]]}'
    coded = json_reply.predict_reply(False, {"y_bytes": texts})
    assert json.loads(coded) == {"outputs": [[{"b64": "YQAK"}], [{"b64": "/yI="}]]}
    rows = json_reply.predict_reply(True, {"y_bytes": texts, "z": texts})
    assert json.loads(rows.decode("latin-1"))["predictions"] == [
        {"y_bytes": [{"b64": "YQAK"}], "z": ["a\0\n"]},
        {"y_bytes": [{"b64": "/yI="}], "z": ['\xff"']},
    ]


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 2), (2, 0, 3)])
@pytest.mark.parametrize("dtype", ["f4", "O"])
def test_empty_outputs_are_lists_of_their_shape(shape: tuple[int, ...], dtype: str) -> None:
    array = np.empty(shape, dtype)
    assert replied(False, y=array)["outputs"] == array.tolist()
    rows = replied(True, y=array, z=array)["predictions"]
    assert rows == [{"y": row, "z": row} for row in array.tolist()]


def test_names_are_escaped_and_not_cut() -> None:
    assert replied(False, **{'out "é"\n': [1], "y": [2]})["outputs"] == {'out "é"\n': [1], "y": [2]}


@pytest.mark.parametrize("name", ["half", "bfloat16", "complex64", "uint16", "qint8"])
@pytest.mark.parametrize("row", [True, False])
def test_dtypes_json_has_no_form_for_are_refused_where_they_have_values(
    name: str, row: bool
) -> None:
    ((dtype, kind),) = [(dtype, kind) for dtype, kind in KINDS.items() if kind.name == name]
    message = f"Failed to write JSON value for tensor type: {name}"
    assert refusal(row, {"y": Tensor(dtype, np.zeros(1, kind.numpy))}) == message
    empty = {"y": Tensor(dtype, np.zeros((2, 0), kind.numpy))}
    assert list(json.loads(json_reply.predict_reply(row, empty)).values()) == [[[], []]]


def test_outputs_that_are_no_batch_have_no_rows() -> None:
    one, two, none = (tensors.of_array(np.ones(shape, "f4")) for shape in ((1,), (2, 1), ()))
    batch = "Tensor name: z has inconsistent batch size: 2 expecting: 1"
    assert refusal(True, {"y": one, "z": two}) == batch
    assert refusal(True, {"y": none}) == "Tensor name: y has no shape information "
    assert refusal(True, {}) == "Cannot convert empty tensor map to JSON"
    assert refusal(False, {}) == "Cannot convert empty tensor map to JSON"


def test_results_without_examples_are_refused() -> None:
    with pytest.raises(StatusError, match="Cannot convert empty ClassificationResults to JSON"):
        json_reply.classify_reply(ClassificationResult())
    with pytest.raises(StatusError, match="Cannot convert empty RegressionResults to JSON"):
        json_reply.regress_reply(RegressionResult())


def test_examples_may_have_no_classes_and_scores_need_not_be_numbers() -> None:
    result = ClassificationResult()
    result.classifications.add()
    result.classifications.add().classes.add(label='"é', score=float("-inf"))
    assert json.loads(json_reply.classify_reply(result)) == {
        "results": [[], [['"é', float("-inf")]]]
    }


def test_an_error_is_written_as_the_real_server_does_to_the_byte() -> None:
    message = 'a "b"\n\x1f é ' + as_text(b"\xff")
    assert json_reply.error_body(message) == (
        b'{\n    "error": "a \\"b\\"\\n\\u001F \xc3\xa9 \xff"\n}'
    )


def test_defaults_in_metadata_are_printed_as_protobuf_prints_them() -> None:
    signature = SignatureDef()
    default = signature.defaults["k"]
    default.float_val.extend([4, 0.5, 1e20, float("nan"), -0.0])
    default.int64_val.append(2**53)
    default.string_val.append(b"\xff")
    reply = json.loads(json_reply.metadata_reply("m", 2**62, {"s": signature}))
    assert reply["model_spec"] == {"name": "m", "signature_name": "", "version": str(2**62)}
    printed = reply["metadata"]["signature_def"]["signature_def"]["s"]["defaults"]["k"]
    assert json.dumps(printed["float_val"]) == '[4, 0.5, 1e+20, "NaN", 0]'
    assert printed["int64_val"] == [str(2**53)]
    assert printed["string_val"] == ["/w=="]
    assert printed["half_val"] == []
    assert "tensor_shape" not in printed
