"""JSON requests are read, and replies written, as a real TensorFlow Serving 2.15.1 did.

The model is not run here: what it would answer is taken from the recorded reply.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format

from converter.serving.server import json_reply, json_request
from converter.serving.status import HTTP_STATUS, Code, StatusError
from converter.serving.tensors import KINDS, Tensor
from converter.wire.apis_pb2 import (
    ClassificationResult,
    GetModelStatusResponse,
    RegressionResult,
)
from converter.wire.tensorflow_pb2 import DataType, SignatureDef, TensorInfo
from testing import golden
from testing.golden import Record
from tests.serving.server import saved

pytestmark = pytest.mark.skipif(not golden.FOLDER.is_dir(), reason="the recordings are not there")

PREDICT = "row col body num dtype str gzip examples batching fail"
EXAMPLES = "classify regress"

# Refused by the model or the runtime, not for their JSON.
BY_THE_RUNTIME = re.compile(
    r"Matrix size-incompatible|In\[0\] is not a matrix|StringToNumberOp|assertion failed"
    r"|Task size|Batching Run|Servable not found|Name: <unknown>|No signature was found"
    r"|No \w+ inputs found|Expected |Tensor name|Failed to write"
)
# The rank is beyond numpy's.
TOO_DEEP = "rest.body.deep_254_inputs"
# What Python's own JSON reader does not read, or reads otherwise.
BEYOND_PYTHON: dict[str, dict[str, Any]] = {
    "rest.row.two.duplicate_key": {"a": [[1, 2]], "b": [1]},
    "rest.num.neg_nan": {"x": [math.nan]},
    "rest.dtype.bad.float.huge_int": {"x": [1.2345678901234566e29]},
    "rest.body.deep_1000": {"x": [1]},
}


def _records(groups: str, method: str) -> list[Record]:
    """The recorded POSTs of some groups whose bodies are read as they are."""
    if not golden.FOLDER.is_dir():
        return []
    return [
        record
        for record in golden.records()
        if record.protocol == "rest"
        and record.config in ("main", "batching")
        and record.id.split(".")[1] in groups.split()
        and record.request["path"].endswith(":" + method)
        and "gzip" not in record.request["headers"].get("Content-Encoding", "")
    ]


def _answered(records: list[Record], fine: bool) -> list[Any]:
    """Parameters: the records that were answered, or those refused for their JSON."""
    return [
        pytest.param(record, id=record.id)
        for record in records
        if (record.response["status"] == 200) == fine
        and record.id != TOO_DEEP
        and not (not fine and BY_THE_RUNTIME.match(json.loads(record.response["body"])["error"]))
    ]


def _signatures(record: Record) -> Mapping[str, SignatureDef]:
    model = record.request["path"].split("/")[3].partition(":")[0]
    return saved.signatures(model)


def _inputs_of(record: Record, asked: list[str]) -> Any:
    """What the server would give json_request; keeps the names of the signatures asked for."""

    def inputs_of(signature_name: str) -> Mapping[str, TensorInfo]:
        asked.append(signature_name)
        if signature_name not in _signatures(record):
            raise StatusError(
                Code.INVALID_ARGUMENT,
                f'Serving signature name: "{signature_name}" not found in signature def',
            )
        return _signatures(record)[signature_name].inputs

    return inputs_of


def _sent(record: Record) -> bytes:
    request = record.request
    if "body_base64" in request:
        return base64.b64decode(request["body_base64"])
    return str(request.get("body", "")).encode()


def _reply(record: Record) -> Any:
    """The recorded reply; bytes that are no UTF-8 become the characters of their codes."""
    return _json(
        base64.b64decode(record.response["body_base64"])
        if "body_base64" in record.response
        else record.response["body"].encode()
    )


def _json(body: bytes) -> Any:
    return json.loads(body.decode("latin-1"), strict=False)


@pytest.mark.parametrize("record", _answered(_records(PREDICT, "predict"), fine=True))
def test_a_predict_body_that_was_answered_is_read(record: Record) -> None:
    asked: list[str] = []
    call = json_request.predict(_sent(record), _inputs_of(record, asked))
    inputs = _signatures(record)[call.signature_name].inputs
    assert asked == [call.signature_name]
    assert call.row == (b'"instances"' in _sent(record))
    assert call.inputs.keys() == inputs.keys()
    for alias, tensor in call.inputs.items():
        assert tensor.dtype == inputs[alias].dtype
        assert tensor.array.dtype == KINDS[tensor.dtype].numpy
        np.testing.assert_array_equal(tensor.array, _array(_given(record, alias), tensor.dtype))


def test_a_rank_that_numpy_lacks_is_refused_as_one_that_tensorflow_lacks() -> None:
    (record,) = [record for record in golden.records() if record.id == TOO_DEEP]
    with pytest.raises(StatusError, match="tensor parsing error: x"):
        json_request.predict(_sent(record), _inputs_of(record, []))


def _given(record: Record, alias: str) -> Any:
    """The values of one input."""
    if record.id in BEYOND_PYTHON:
        return BEYOND_PYTHON[record.id][alias]
    body = json.loads(_sent(record))
    return _values(body, alias, "instances" in body)


def _values(body: dict[str, Any], alias: str, row: bool) -> Any:
    """The values of one input, as Python's JSON reader has them."""
    values = body["instances" if row else "inputs"]
    if row and isinstance(values[0], dict) and alias in values[0]:
        return [value[alias] for value in values]
    return values[alias] if isinstance(values, dict) and alias in values else values


def _array(values: Any, dtype: int) -> Any:
    if dtype == DataType.DT_STRING:
        return np.vectorize(_bytes, otypes=[object])(np.array(values, object))
    kind = KINDS[dtype].numpy
    with np.errstate(over="ignore"):
        return np.array(values, f"{kind.kind}8" if kind.kind in "iuf" else kind).astype(kind)


def _bytes(value: Any) -> bytes:
    """A text, or what its base64 means."""
    if isinstance(value, dict):
        return base64.b64decode(value["b64"] + "==")
    return str(value).encode()


@pytest.mark.parametrize("record", _answered(_records(PREDICT, "predict"), fine=False))
def test_a_predict_body_that_was_refused_gets_the_same_message(record: Record) -> None:
    with pytest.raises(StatusError) as raised:
        json_request.predict(_sent(record), _inputs_of(record, []))
    assert HTTP_STATUS[raised.value.code] == record.response["status"]
    assert json_reply.error_body(raised.value.message) == record.response["body"].encode()


@pytest.mark.parametrize("record", _answered(_records(PREDICT, "predict"), fine=True))
def test_predictions_are_written_with_the_recorded_values(record: Record) -> None:
    call = json_request.predict(_sent(record), _inputs_of(record, []))
    outputs = _signatures(record)[call.signature_name].outputs
    reply = _reply(record)
    values = reply["predictions" if call.row else "outputs"]
    tensors = {}
    for alias, info in outputs.items():
        value = values
        if len(outputs) > 1:
            value = [item[alias] for item in values] if call.row else values[alias]
        tensors[alias] = _recorded_tensor(value, info.dtype)
    written = json_reply.predict_reply(call.row, tensors)
    assert golden.same(_json(written), reply)


def _recorded_tensor(value: Any, dtype: int) -> Tensor:
    if dtype != DataType.DT_STRING:
        return Tensor(dtype, np.array(value, KINDS[dtype].numpy))
    return Tensor(dtype, np.vectorize(_recorded_bytes, otypes=[object])(np.array(value, object)))


def _recorded_bytes(value: Any) -> bytes:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode("latin-1")


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(record, id=record.id)
        for record in _records("dtype", "predict")
        if record.id.startswith("rest.dtype.out.")
    ],
)
def test_an_output_that_json_has_no_form_for_is_refused_as_recorded(record: Record) -> None:
    call = json_request.predict(_sent(record), _inputs_of(record, []))
    ((alias, info),) = _signatures(record)[call.signature_name].outputs.items()
    output = Tensor(info.dtype, np.ones(1, KINDS[info.dtype].numpy))
    with pytest.raises(StatusError) as raised:
        json_reply.predict_reply(call.row, {alias: output})
    assert HTTP_STATUS[raised.value.code] == record.response["status"]
    assert json_reply.error_body(raised.value.message) == record.response["body"].encode()


def test_rows_of_outputs_without_a_batch_are_refused_as_recorded() -> None:
    (record,) = [r for r in golden.records() if r.id == "rest.row.both_outputs_one_scalar"]
    outputs = {
        "y": Tensor(DataType.DT_FLOAT, np.ones(2, "<f4")),
        "t": Tensor(DataType.DT_FLOAT, np.float32(3).reshape(())),
    }
    with pytest.raises(StatusError) as raised:
        json_reply.predict_reply(True, outputs)
    assert json_reply.error_body(raised.value.message) == record.response["body"].encode()


_EXAMPLE_RECORDS = _records(EXAMPLES, "classify") + _records(EXAMPLES, "regress")


@pytest.mark.parametrize("record", _answered(_EXAMPLE_RECORDS, fine=True))
def test_examples_that_were_answered_are_read(record: Record) -> None:
    call = json_request.classify_or_regress(_sent(record))
    given = json.loads(_sent(record))
    assert call.signature_name == given["signature_name"]
    assert len(call.examples) == len(given["examples"])
    assert (call.context is not None) == ("context" in given)
    for example, features in zip(call.examples, given["examples"], strict=True):
        assert set(example.features.feature) == set(features)


@pytest.mark.parametrize("record", _answered(_EXAMPLE_RECORDS, fine=False))
def test_examples_that_were_refused_get_the_same_message(record: Record) -> None:
    with pytest.raises(StatusError) as raised:
        json_request.classify_or_regress(_sent(record))
    assert HTTP_STATUS[raised.value.code] == record.response["status"]
    assert json_reply.error_body(raised.value.message) == record.response["body"].encode()


@pytest.mark.parametrize("record", _answered(_EXAMPLE_RECORDS, fine=True))
def test_results_are_written_with_the_recorded_values(record: Record) -> None:
    reply = _reply(record)
    if record.request["path"].endswith(":regress"):
        regressions = RegressionResult()
        for value in reply["results"]:
            regressions.regressions.add(value=value)
        written = json_reply.regress_reply(regressions)
    else:
        classes = ClassificationResult()
        for pairs in reply["results"]:
            one = classes.classifications.add()
            for label, score in pairs:
                one.classes.add(label=label, score=score)
        written = json_reply.classify_reply(classes)
    assert golden.same(_json(written), reply)


def _told(group: str) -> list[Any]:
    """Parameters: the GETs of a group that were answered."""
    if not golden.FOLDER.is_dir():
        return []
    return [
        pytest.param(record, id=record.id)
        for record in golden.records()
        if record.id.startswith(f"rest.{group}.") and record.response["status"] == 200
    ]


@pytest.mark.parametrize("record", _told("metadata"))
def test_metadata_are_written_with_the_recorded_values(record: Record) -> None:
    reply = _reply(record)
    spec = reply["model_spec"]
    # One model is called as the last part of a metadata path.
    model = "scale_old" if spec["name"] == "metadata" else spec["name"]
    signatures = saved.signatures(model)
    written = json_reply.metadata_reply(spec["name"], int(spec["version"]), signatures)
    assert golden.same(_json(written), reply)


@pytest.mark.parametrize("record", _told("status"))
def test_states_are_written_with_the_recorded_values(record: Record) -> None:
    reply = _reply(record)
    status = json_format.ParseDict(reply, GetModelStatusResponse())
    assert golden.same(_json(json_reply.status_reply(status)), reply)
