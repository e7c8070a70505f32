"""Requests and replies of great depth and size, and compressed ones.

The story "Deep nesting in an ignored key (each against a fresh process, --rest_api_port)" of
narrated.md and its section "Sizes and compression". One server answers them all.
"""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from converter.serving.server import flags as command_lines
from converter.serving.server.config import single
from converter.serving.server.server import Listen, Server
from converter.serving.workers import Workers
from converter.toolchain import catalog
from converter.toolchain.pool import Pool
from converter.wire import apis_pb2 as apis
from converter.wire.tensorflow_pb2 import DataType
from testing import golden, narrated, toolchains
from testing.stage import ONE_ROW, TOOLCHAIN, get

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]

DEPTHS = (1000, 10_000, 30_000, 100_000, 500_000)
MIB = 2**20
# The reply of 2^20 floats, and what a client takes unless told otherwise.
REPLY_BYTES = 4_194_358
CLIENT_LIMIT = 4 * MIB
PREDICT = "/v1/models/m:predict"


@pytest.fixture(scope="module")
def server(pool: Pool) -> Iterator[Server]:
    """A server of scale/2 as m."""
    toolchains.require(TOOLCHAIN)
    with (
        Workers(lambda: pool.link(catalog.get(TOOLCHAIN))) as workers,
        Server(workers, command_lines.parse([]).flags) as started,
    ):
        started.start(single("m", str(golden.MODELS / "scale")), Listen())
        yield started


def _ports(server: Server) -> tuple[int, str]:
    """The REST port and the target of gRPC."""
    assert server.rest_port is not None
    return server.rest_port, f"127.0.0.1:{server.grpc_port}"


@pytest.mark.parametrize("levels", DEPTHS)
def test_an_ignored_key_may_hold_lists_in_lists_of_any_depth(levels: int, server: Server) -> None:
    (recorded,) = [
        step.title
        for step in narrated.stories()[
            "Deep nesting in an ignored key (each against a fresh process, --rest_api_port)"
        ].steps
        if step.title.startswith(f"{levels} levels: ")
    ]
    code, _, rest = recorded.partition(": ")[2].partition(" ")
    if code == "None":  # deliberate: the real process died of it
        wanted = '200 {"predictions": [3.5]}'
    else:
        wanted = narrated.answer(f"{code} {rest.removesuffix('; process runs')}")
    body = b'{"ignored": %s%s, "instances": [1.0]}' % (b"[" * levels, b"]" * levels)
    rest_port, _ = _ports(server)
    status, answer = get(rest_port, PREDICT, body)
    assert narrated.answer(f"{status} {answer}") == wanted
    assert get(rest_port, PREDICT, ONE_ROW)[0] == 200


def _request(values: list[float]) -> bytes:
    request = apis.PredictRequest()
    request.model_spec.name = "m"
    tensor = request.inputs["x"]
    tensor.dtype = DataType.DT_FLOAT
    tensor.tensor_shape.dim.add(size=len(values))
    tensor.tensor_content = np.array(values, "<f4").tobytes()
    return request.SerializeToString()


def _predict(channel: grpc.Channel) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
    return channel.unary_unary("/tensorflow.serving.PredictionService/Predict")


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_grpc_requests_may_be_compressed(compression: grpc.Compression, server: Server) -> None:
    with grpc.insecure_channel(_ports(server)[1], compression=compression) as channel:
        data, call = _predict(channel).with_call(_request([1.0] * 1000), timeout=60)
    assert apis.PredictResponse.FromString(data).outputs["y"].float_val == [3.5] * 1000
    assert not call.initial_metadata()
    assert not call.trailing_metadata()


def test_a_grpc_reply_may_be_larger_than_clients_take(server: Server) -> None:
    request = _request([1.0] * MIB)
    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(_ports(server)[1], options=unlimited) as channel:
        assert len(_predict(channel)(request, timeout=60)) == REPLY_BYTES
    assert REPLY_BYTES > CLIENT_LIMIT
    with (
        grpc.insecure_channel(_ports(server)[1]) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        _predict(channel)(request, timeout=60)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_rest_body_may_hold_millions_of_numbers(server: Server) -> None:
    body = b'{"instances": [' + b"1.25," * 2_999_999 + b"1.25]}"
    assert len(body) > 15_000_000
    status, answer = get(_ports(server)[0], PREDICT, body)
    assert status == 200
    assert json.loads(answer)["predictions"] == [3.625] * 3_000_000


def test_a_connection_is_kept_for_further_requests(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", _ports(server)[0], timeout=60)
    try:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("POST", PREDICT, ONE_ROW)
            reply = connection.getresponse()
            assert json.loads(reply.read()) == {"predictions": [3.5]}
            assert connection.sock is first
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("mebibytes", "status", "answer"),
    [
        (99, 200, {"predictions": [3.5]}),
        (101, 400, {"error": "JSON Parse error: The document is empty"}),
    ],
)
def test_a_gzipped_body_inflates_to_100_mib_at_most(
    mebibytes: int, status: int, answer: object, server: Server
) -> None:
    body = gzip.compress(ONE_ROW.ljust(mebibytes * MIB), 1)
    connection = http.client.HTTPConnection("127.0.0.1", _ports(server)[0], timeout=60)
    try:
        connection.request("POST", PREDICT, body, {"Content-Encoding": "gzip"})
        reply = connection.getresponse()
        assert (reply.status, json.loads(reply.read())) == (status, answer)
    finally:
        connection.close()


def test_a_batch_without_rows_is_an_error_that_the_server_survives(pool: Pool) -> None:
    """Deliberate: with batching the real process dies of it."""
    flags = command_lines.parse(["--enable_batching"]).flags
    with (
        Workers(lambda: pool.link(catalog.get(TOOLCHAIN))) as workers,
        Server(workers, flags) as batching,
    ):
        batching.start(single("m", str(golden.MODELS / "scale")), Listen())
        rest_port, target = _ports(batching)
        with (
            grpc.insecure_channel(target) as channel,
            pytest.raises(grpc.RpcError) as caught,
        ):
            _predict(channel)(_request([]), timeout=60)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert get(rest_port, PREDICT, ONE_ROW)[0] == 200
