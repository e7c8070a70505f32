"""Our clients against a player of what a real TensorFlow Serving answered.

Each recorded request that a client can be made to send is asked for by a call; the player holds
what arrives against the recorded request, by meaning, and answers the recorded bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from numpy.typing import NDArray

from converter.serving.client import errors
from converter.serving.client.contract import Signature, VersionStatus, model_metadata
from converter.serving.client.grpc import GrpcClient
from converter.serving.client.rest import RestClient
from converter.serving.status import HTTP_STATUS, Code
from converter.serving.tensors import from_proto
from converter.wire import apis_pb2 as apis
from testing import calls, golden
from testing.player import Failure, GrpcPlayer, HttpPlayer, Reply, grpc_player, http_player

RECORDS = golden.records() if golden.FOLDER.is_dir() else ()
pytestmark = pytest.mark.skipif(not RECORDS, reason=f"no recordings at {golden.FOLDER}")

REST = [(r, call) for r in RECORDS if r.protocol == "rest" and (call := calls.of_rest(r))]
GRPC = [(r, call) for r in RECORDS if r.protocol == "grpc" and (call := calls.of_grpc(r))]

# Requests that our client does not send, with how it says so; the real server cannot answer them.
NOT_SENT = {
    # A signature without inputs.
    "rest.col.noinput": errors.NotCarried,
    # Complex numbers.
    "rest.dtype.row.complex64": errors.NotCarried,
    "rest.dtype.row.complex128": errors.NotCarried,
}


@pytest.fixture(scope="module")
def http() -> Iterator[HttpPlayer]:
    with http_player() as player:
        yield player


@pytest.fixture(scope="module")
def rpc() -> Iterator[GrpcPlayer]:
    with grpc_player() as player:
        yield player


def test_most_of_the_recordings_can_be_called_for() -> None:
    assert len(REST) >= 95
    assert len(GRPC) >= 80


def metadata_reply(record: golden.Record, model: str) -> bytes:
    """The metadata of a recorded model as the REST server writes it."""
    signatures = calls.signatures_of(record.config, model)
    assert signatures is not None
    text = json_format.MessageToDict(
        signatures, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    spec = {"name": model, "signature_name": "", "version": "1"}
    return json.dumps({"model_spec": spec, "metadata": {"signature_def": text}}).encode()


def rest_client(http: HttpPlayer, call: calls.Call | calls.Address, **options: Any) -> RestClient:
    named = call.address if isinstance(call, calls.Call) else call
    return RestClient(http.url, named.model, version=named.version, label=named.label, **options)


def grpc_client(rpc: GrpcPlayer, named: calls.Address) -> GrpcClient:
    return GrpcClient(rpc.address, named.model, version=named.version, label=named.label)


@pytest.mark.parametrize(("record", "call"), REST, ids=lambda value: getattr(value, "id", ""))
def test_a_recorded_rest_predict(record: golden.Record, call: calls.Call, http: HttpPlayer) -> None:
    http.asked.clear()

    def answer(request: Any) -> Reply:
        if request.method == "GET":
            return Reply(200, metadata_reply(record, call.address.model))
        return Reply(
            record.response["status"], calls.body(record.response), record.response["content_type"]
        )

    http.answer = answer
    signatures = calls.signatures_of(record.config, call.address.model)
    assert signatures is not None
    known = calls.known(signatures)
    with rest_client(http, call, row=call.row) as client:
        if record.id in NOT_SENT:
            with pytest.raises(NOT_SENT[record.id]):
                client.predict(call.inputs, call.signature)
            assert [request.method for request in http.asked] == ["GET"]
            assert record.response["status"] != 200
            return
        if record.response.get("status") == 200:
            outputs = client.predict(call.inputs, call.signature)
            check_outputs(outputs, rest_outputs(record, known[call.signature], row=call.row))
        else:
            with pytest.raises(errors.ServingError) as caught:
                client.predict(call.inputs, call.signature)
            check_rest_error(caught.value, record)
    sent = http.asked[-1]
    assert calls.address(sent.path, ":predict") == call.address
    meant = calls.meaning(sent.body, known)
    assert meant is not None
    assert meant[:2] == (call.signature, call.row)
    check_outputs(meant[2], call.inputs)


def rest_outputs(
    record: golden.Record, signature: Signature, *, row: bool
) -> dict[str, NDArray[Any]]:
    """The recorded reply, read by another way than the client's."""
    reply = json.loads(calls.body(record.response).decode("utf-8", "surrogateescape"), strict=False)
    values = reply["predictions" if row else "outputs"]
    names = list(signature.outputs)
    if len(names) == 1:
        columns = {names[0]: values}
    else:
        columns = {n: [item[n] for item in values] if row else values[n] for n in names}
    return {n: calls.array(columns[n], signature.outputs[n].dtype) for n in names}


def check_outputs(found: dict[str, NDArray[Any]], wanted: dict[str, NDArray[Any]]) -> None:
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)
        if array.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(found[name]), np.signbit(array))


def check_rest_error(error: errors.ServingError, record: golden.Record) -> None:
    text = calls.body(record.response).decode()
    message = json.loads(text, strict=False)["error"]
    assert error.message == message
    if "to type: " in message or "shape information" in message or "write JSON" in message:
        assert isinstance(error, errors.NotCarried)
    else:
        assert HTTP_STATUS[error.code] == record.response["status"]


@pytest.mark.parametrize(("record", "call"), GRPC, ids=lambda value: getattr(value, "id", ""))
def test_a_recorded_grpc_predict(record: golden.Record, call: calls.Call, rpc: GrpcPlayer) -> None:
    rpc.asked.clear()
    signatures = calls.signatures_of(record.config, call.address.model)
    assert signatures is not None

    def answer(method: str, raw: bytes) -> bytes | Failure:
        if method.endswith("GetModelMetadata"):
            reply = apis.GetModelMetadataResponse()
            reply.metadata["signature_def"].value = signatures.SerializeToString()
            return reply.SerializeToString()
        return recorded(record)

    rpc.answer = answer
    with grpc_client(rpc, call.address) as client:
        if record.response["code"] == "OK":
            wanted = apis.PredictResponse.FromString(calls.body(record.response)).outputs
            outputs = client.predict(call.inputs, call.signature, call.outputs)
            check_outputs(outputs, {k: from_proto(v, k).values() for k, v in wanted.items()})
        else:
            with pytest.raises(errors.ServingError) as caught:
                client.predict(call.inputs, call.signature, call.outputs)
            check_grpc_error(caught.value, record)
    method, raw = rpc.asked[-1]
    assert method == record.request["method"]
    sent = apis.PredictRequest.FromString(raw)
    assert calls.spec_address(sent.model_spec) == call.address
    assert sent.model_spec.signature_name == call.signature
    assert tuple(sent.output_filter) == call.outputs
    meant = apis.PredictRequest.FromString(calls.body(record.request)).inputs
    assert {k: v.dtype for k, v in sent.inputs.items()} == {k: v.dtype for k, v in meant.items()}
    check_outputs(
        {key: from_proto(proto, key).array for key, proto in sent.inputs.items()},
        {key: from_proto(proto, key).array for key, proto in meant.items()},
    )


def recorded(record: golden.Record) -> bytes | Failure:
    if record.response["code"] == "OK":
        return calls.body(record.response)
    return Failure(grpc.StatusCode[record.response["code"]], record.response["details"])


def check_grpc_error(error: errors.ServingError, record: golden.Record) -> None:
    assert error.code.name == record.response["code"]
    assert error.message == record.response["details"]


def of_path(what: str) -> list[Any]:
    return [
        (record, named)
        for record in RECORDS
        if record.protocol == "rest" and record.request["method"] == "GET"
        if (named := calls.address(record.request["path"], what)) and record.response["status"]
    ]


def of_method(method: str) -> list[golden.Record]:
    wanted = f"tensorflow.serving.{method}Request"
    return [record for record in RECORDS if record.request.get("message_type") == wanted]


@pytest.mark.parametrize(
    ("record", "named"), of_path(""), ids=lambda value: getattr(value, "id", "")
)
def test_a_recorded_rest_status(
    record: golden.Record, named: calls.Address, http: HttpPlayer
) -> None:
    http.answer = lambda _: Reply(record.response["status"], calls.body(record.response))
    with rest_client(http, named) as client:
        if record.response["status"] == 200:
            found = [vars(status) for status in client.status()]
            assert found == [
                {
                    "version": int(one["version"]),
                    "state": one["state"],
                    "error_code": Code[one["status"]["error_code"]],
                    "error_message": one["status"]["error_message"],
                }
                for one in json.loads(calls.body(record.response))["model_version_status"]
            ]
        else:
            with pytest.raises(errors.ServingError) as caught:
                client.status()
            check_rest_error(caught.value, record)
    assert calls.address(http.asked[-1].path, "") == named


@pytest.mark.parametrize(
    ("record", "named"), of_path("/metadata"), ids=lambda value: getattr(value, "id", "")
)
def test_a_recorded_rest_metadata(
    record: golden.Record, named: calls.Address, http: HttpPlayer
) -> None:
    http.answer = lambda _: Reply(record.response["status"], calls.body(record.response))
    with rest_client(http, named) as client:
        if record.response["status"] == 200:
            spec = json.loads(calls.body(record.response))["model_spec"]
            held = calls.signatures_of(record.config, named.model)
            assert held is not None
            assert client.metadata() == metadata_of(named.model, int(spec["version"]), held)
        else:
            with pytest.raises(errors.ServingError) as caught:
                client.metadata()
            check_rest_error(caught.value, record)
    assert calls.address(http.asked[-1].path, "/metadata") == named


def metadata_of(model: str, version: int, signatures: apis.SignatureDefMap) -> Any:
    spec = apis.ModelSpec(name=model)
    spec.version.value = version
    return model_metadata(spec, signatures)


@pytest.mark.parametrize("record", of_method("GetModelStatus"), ids=lambda record: record.id)
def test_a_recorded_grpc_status(record: golden.Record, rpc: GrpcPlayer) -> None:
    request = apis.GetModelStatusRequest.FromString(calls.body(record.request))
    rpc.answer = lambda *_: recorded(record)
    with grpc_client(rpc, calls.spec_address(request.model_spec)) as client:
        if record.response["code"] == "OK":
            reply = apis.GetModelStatusResponse.FromString(calls.body(record.response))
            assert client.status() == tuple(
                VersionStatus(
                    one.version,
                    apis.ModelVersionStatus.State.Name(one.state),
                    Code(one.status.error_code),
                    one.status.error_message,
                )
                for one in reply.model_version_status
            )
        else:
            with pytest.raises(errors.ServingError) as caught:
                client.status()
            check_grpc_error(caught.value, record)
    sent = apis.GetModelStatusRequest.FromString(rpc.asked[-1][1])
    assert sent.model_spec == request.model_spec


@pytest.mark.parametrize("record", of_method("GetModelMetadata"), ids=lambda record: record.id)
def test_a_recorded_grpc_metadata(record: golden.Record, rpc: GrpcPlayer) -> None:
    request = apis.GetModelMetadataRequest.FromString(calls.body(record.request))
    rpc.answer = lambda *_: recorded(record)
    named = calls.spec_address(request.model_spec)
    with grpc_client(rpc, named) as client:
        if record.response["code"] == "OK":
            reply = apis.GetModelMetadataResponse.FromString(calls.body(record.response))
            held = calls.signatures_of(record.config, named.model)
            assert held is not None
            version = reply.model_spec.version.value
            assert client.metadata() == metadata_of(named.model, version, held)
        else:
            with pytest.raises(errors.ServingError) as caught:
                client.metadata()
            check_grpc_error(caught.value, record)
    sent = apis.GetModelMetadataRequest.FromString(rpc.asked[-1][1])
    assert list(sent.metadata_field) == ["signature_def"]
    assert calls.spec_address(sent.model_spec) == named
