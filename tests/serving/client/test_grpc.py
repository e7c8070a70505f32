"""The gRPC client beyond the recordings: connections, deadlines, sizes, odd answers."""

from __future__ import annotations

import datetime
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from converter.serving.client import errors
from converter.serving.client.grpc import GrpcClient
from converter.serving.status import Code
from converter.serving.tensors import of_array, to_proto
from converter.wire import apis_pb2 as apis
from converter.wire.tensorflow_pb2 import DataType, TensorInfo, TensorProto
from testing.player import Failure, GrpcPlayer, grpc_player
from testing.toolchains import under_ci

FREE = TensorInfo(name="x:0", dtype=DataType.DT_FLOAT)
FREE.tensor_shape.unknown_rank = True


def metadata() -> bytes:
    signatures = apis.SignatureDefMap()
    signature = signatures.signature_def["serving_default"]
    for key in ("x", "k"):
        signature.inputs[key].CopyFrom(FREE)
    signature.outputs["y"].CopyFrom(FREE)
    signature.defaults["k"].dtype = DataType.DT_FLOAT
    reply = apis.GetModelMetadataResponse(model_spec=apis.ModelSpec(name="m"))
    reply.metadata["signature_def"].value = signatures.SerializeToString()
    return reply.SerializeToString()


def echo(method: str, raw: bytes) -> bytes:
    """Answers x as y, in the typed fields."""
    if method.endswith("GetModelMetadata"):
        return metadata()
    reply = apis.PredictResponse()
    reply.outputs["y"].CopyFrom(apis.PredictRequest.FromString(raw).inputs["x"])
    return reply.SerializeToString()


@pytest.fixture
def player() -> Iterator[GrpcPlayer]:
    with grpc_player() as opened:
        opened.answer = echo
        yield opened


def test_the_metadata_is_asked_once(player: GrpcPlayer) -> None:
    with GrpcClient(player.address, "m") as client:
        for _ in range(2):
            client.predict({"x": [1.0]})
    methods = [method.rpartition("/")[2] for method, _ in player.asked]
    assert methods == ["GetModelMetadata", "Predict", "Predict"]


def test_after_a_refusal_the_metadata_is_asked_anew(player: GrpcPlayer) -> None:
    def answer(method: str, raw: bytes) -> bytes | Failure:
        if method.endswith("Predict"):
            return Failure(grpc.StatusCode.INVALID_ARGUMENT, "no")
        return metadata()

    player.answer = answer
    with GrpcClient(player.address, "m") as client:
        for _ in range(2):
            with pytest.raises(errors.RequestRefused, match="no"):
                client.predict({"x": [1.0]})
    assert [method.endswith("Predict") for method, _ in player.asked] == [False, True] * 2


def test_threads_ask_the_metadata_once(player: GrpcPlayer) -> None:
    with GrpcClient(player.address, "m") as client:
        threads = [threading.Thread(target=client.metadata) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(player.asked) == 1


def test_requests_are_sent_as_content(player: GrpcPlayer) -> None:
    with GrpcClient(player.address, "m", version=3) as client:
        client.predict({"x": [[1, 2]]}, outputs=["y"])
    request = apis.PredictRequest.FromString(player.asked[-1][1])
    assert request.inputs["x"].tensor_content == np.array([1, 2], "<f4").tobytes()
    assert not request.inputs["x"].float_val
    assert list(request.output_filter) == ["y"]
    assert request.model_spec.version.value == 3


def test_requests_are_sent_in_typed_fields_where_that_is_wanted(player: GrpcPlayer) -> None:
    with GrpcClient(player.address, "m", typed=True) as client:
        client.predict({"x": [[1, 2]]})
    request = apis.PredictRequest.FromString(player.asked[-1][1])
    assert list(request.inputs["x"].float_val) == [1, 2]
    assert not request.inputs["x"].tensor_content


def test_a_request_may_be_encoded_sent_and_decoded_in_three_steps(player: GrpcPlayer) -> None:
    with GrpcClient(player.address, "m") as client:
        whole = client.predict({"x": [[1, 2]]})
        parts = client.decode(client.send(client.encode({"x": [[1, 2]]})))
    assert player.asked[-1] == player.asked[-2]
    assert {k: a.tolist() for k, a in parts.items()} == {k: a.tolist() for k, a in whole.items()}


@pytest.mark.parametrize("content", [False, True])
def test_both_forms_of_a_tensor_are_read(player: GrpcPlayer, content: bool) -> None:
    def answer(method: str, raw: bytes) -> bytes:
        reply = apis.PredictResponse()
        to_proto(of_array(np.array([[1.5], [2.5]], "f4")), reply.outputs["y"], content=content)
        return metadata() if method.endswith("Metadata") else reply.SerializeToString()

    player.answer = answer
    with GrpcClient(player.address, "m") as client:
        found = client.predict({"x": 0})["y"]
    assert found.tolist() == [[1.5], [2.5]]
    found[0] = 0  # the caller's own, to be written to


def test_messages_may_be_large(player: GrpcPlayer) -> None:
    numbers = np.arange(4_000_000, dtype="f4")
    with GrpcClient(player.address, "m") as client:
        found = client.predict({"x": numbers})["y"]
    assert len(player.asked[-1][1]) > 4 * 2**20
    np.testing.assert_array_equal(found, numbers)


def test_a_unix_socket_is_an_address(tmp_path: Path) -> None:
    with grpc_player(f"unix:{tmp_path}/s") as player:
        player.answer = echo
        with GrpcClient(player.address, "m") as client:
            assert client.predict({"x": 1.5})["y"].tolist() == 1.5


def test_a_connection_can_be_encrypted(tmp_path: Path) -> None:
    if shutil.which("openssl") is None and not under_ci():
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    days = str((datetime.date(2100, 1, 1) - datetime.date(2020, 1, 1)).days)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-days", days, "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    pair = [(key.read_bytes(), certificate.read_bytes())]
    trusted = grpc.ssl_channel_credentials(certificate.read_bytes())
    with grpc_player(credentials=grpc.ssl_server_credentials(pair)) as player:
        player.answer = echo
        with GrpcClient(player.address, "m", credentials=trusted) as client:
            assert client.predict({"x": 1.5})["y"].tolist() == 1.5
        with (
            GrpcClient(player.address, "m", timeout=20) as client,
            pytest.raises(errors.ServerUnavailable),
        ):
            client.status()


def test_a_closed_port_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with GrpcClient(address, "m") as client, pytest.raises(errors.ServerUnavailable) as caught:
            client.status()
    assert caught.value.code is Code.UNAVAILABLE


def test_a_silent_server_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with (
            GrpcClient(address, "m", timeout=0.3) as client,
            pytest.raises(errors.ServerTimeout) as caught,
        ):
            client.status()
    assert caught.value.code is Code.DEADLINE_EXCEEDED


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.name != "OK"])
def test_every_code_is_a_typed_error(player: GrpcPlayer, code: grpc.StatusCode) -> None:
    player.answer = lambda *_: Failure(code, "in its words")
    with GrpcClient(player.address, "m") as client, pytest.raises(errors.ServingError) as caught:
        client.status()
    assert type(caught.value) is not errors.ServingError
    assert (caught.value.code.name, caught.value.message) == (code.name, "in its words")


def test_bytes_that_are_no_message_are_unreadable(player: GrpcPlayer) -> None:
    player.answer = lambda *_: b"\xff\xff"
    with (
        GrpcClient(player.address, "m") as client,
        pytest.raises(errors.AnswerUnreadable, match="gRPC port"),
    ):
        client.status()


@pytest.mark.parametrize(
    "answered",
    [
        {},
        {"z": TensorProto(dtype=DataType.DT_FLOAT)},
        {"y": TensorProto(dtype=DataType.DT_FLOAT, tensor_content=b"abc")},
    ],
    ids=["none", "another", "broken"],
)
def test_outputs_that_are_none_are_unreadable(
    player: GrpcPlayer, answered: dict[str, TensorProto]
) -> None:
    reply = apis.PredictResponse(outputs=answered).SerializeToString()
    player.answer = lambda method, _: metadata() if method.endswith("Metadata") else reply
    with GrpcClient(player.address, "m") as client, pytest.raises(errors.AnswerUnreadable):
        client.predict({"x": 1}, outputs=["y"])


def test_an_input_with_a_default_may_be_left_out(player: GrpcPlayer) -> None:
    with GrpcClient(player.address, "m") as client:
        client.predict({"x": 1})
        assert set(apis.PredictRequest.FromString(player.asked[-1][1]).inputs) == {"x"}
        with pytest.raises(errors.RequestUnfit, match="missing: x"):
            client.predict({"k": 1})


def test_a_version_and_a_label_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="not both"):
        GrpcClient("127.0.0.1:1", "m", version=1, label="a")
