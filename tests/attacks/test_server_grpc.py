"""Hostile clients of the embedded server's gRPC side: others are served."""

from __future__ import annotations

import random
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from converter.serving import tensors
from converter.serving.status import Code
from converter.wire import apis_pb2 as apis
from converter.wire import config_pb2
from converter.wire.tensorflow_pb2 import DT_FLOAT, DT_STRING, DT_VARIANT
from testing import asking, golden
from testing.asking import PREDICT, until
from tests.attacks.target import FINE, GET, LARGE, Target, predict_request, received

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]

RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


# ---- gRPC


@pytest.mark.parametrize(
    "data",
    [
        b"garbage" * 10_000,
        GET,
        bytes(100_000),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + random.Random(3).randbytes(100_000),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\xff\xff\xff\1\4\0\0\0\1",
    ],
    ids=["garbage", "HTTP/1.1", "zeros", "garbage after the preface", "a frame of 16 MB"],
)
def test_what_is_no_grpc_is_cut_off(target: Target, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", target.grpc), timeout=2) as connection:
        try:
            connection.sendall(data)
            received(connection)
        except OSError:
            pass


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\xff\xff\xff\x7f", bytes(1000)], ids=ascii)
@pytest.mark.parametrize(
    "method", [PREDICT, "/tensorflow.serving.ModelService/GetModelStatus", RELOAD]
)
def test_what_is_no_message_is_an_internal_error(target: Target, method: str, data: bytes) -> None:
    assert target.call(method, data) == (Code.INTERNAL, b"")


def test_an_unknown_method_is_unimplemented(target: Target) -> None:
    for method in ("/tensorflow.serving.PredictionService/Nope", "/../../etc/passwd", "/"):
        assert target.call(method, b"")[0] is Code.UNIMPLEMENTED


@pytest.mark.parametrize(
    "shape",
    [
        [2**62],
        [2**31, 2**31],
        [2**40, 2**40],
        [-1],
        [0, -1],
        [0, 2**62],
        [2**63 - 1],
        [1] * 33,
        [1] * 64,
        [1] * 255,
        [1] * 100_000,
    ],
    ids=lambda shape: str(shape[:2]) + f"x{len(shape)}",
)
def test_a_shape_that_no_tensor_has_is_refused(target: Target, shape: list[int]) -> None:
    request = predict_request("anyrank")
    tensor = request.inputs["x"]
    tensor.dtype = DT_FLOAT
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.append(1)
    code, said = target.predict(request)
    assert code is Code.INVALID_ARGUMENT
    assert said


def test_arrays_of_many_dimensions_are_refused_over_rest(target: Target) -> None:
    for rank in (33, 40, 64, 65, 300):
        body = b'{"inputs":' + b"[" * rank + b"1.0" + b"]" * rank + b"}"
        assert target.post(body, model="anyrank")[0] == 400


@pytest.mark.parametrize("shape", [(0, 2**40), (2**40, 0), (0,) * 30])
def test_an_empty_tensor_may_have_any_shape(target: Target, shape: tuple[int, ...]) -> None:
    request = predict_request("anyrank")
    request.inputs["x"].dtype = DT_FLOAT
    for size in shape:
        request.inputs["x"].tensor_shape.dim.add(size=size)
    code, _ = target.predict(request)
    assert code in (Code.OK, Code.INVALID_ARGUMENT)


def test_opaque_tensors_are_refused(target: Target) -> None:
    request = predict_request("anyrank")
    request.inputs["x"].dtype = DT_VARIANT
    request.inputs["x"].tensor_shape.dim.add(size=10**6)
    code, _ = target.predict(request)
    assert code is Code.INVALID_ARGUMENT


def test_a_100_mb_message_is_answered(target: Target) -> None:
    request = predict_request("anyrank", "total")
    tensor = tensors.of_array(np.ones(LARGE // 4, np.float32))
    tensors.to_proto(tensor, request.inputs["x"], content=True)
    assert target.predict(request) == (Code.OK, "")


def test_a_100_mb_message_of_something_else_is_refused(target: Target) -> None:
    request = predict_request()
    request.inputs["nope"].tensor_content = bytes(LARGE)
    code, said = target.predict(request)
    assert (code, "not found in request" in said) == (Code.INVALID_ARGUMENT, True)
    assert target.call(PREDICT, bytes(LARGE)) == (Code.INTERNAL, b"")
    request = predict_request("text", "plain")
    request.inputs["s"].dtype = DT_STRING
    request.inputs["s"].string_val.extend([b""] * 5_000_000)  # for a scalar
    assert target.predict(request)[0] in (Code.OK, Code.INVALID_ARGUMENT)


# ---- lists of models from a client


def _reload(target: Target, *more: str, timeout: float = asking.PATIENCE) -> tuple[Code, str]:
    """Ask for the models that are served, and for `more` base paths as models m0, m1, ..."""
    request = apis.ReloadConfigRequest()
    text = (target.folder / "main.models.config").read_text(encoding="utf-8")
    text_format.Parse(text, listed := config_pb2.ModelServerConfig())
    request.config.MergeFromString(listed.SerializeToString())
    for number, path in enumerate(more):
        request.config.model_config_list.config.add(
            name=f"m{number}", base_path=path, model_platform="tensorflow"
        )
    code, said = target.call(RELOAD, request.SerializeToString(), timeout)
    return code, said.decode("utf-8", "replace")


def test_a_base_path_that_is_none_is_refused(target: Target) -> None:
    for path in ("", "etc", "../../etc"):
        code, said = _reload(target, path)
        assert code is Code.INVALID_ARGUMENT
        assert "absolute path or URI" in said


def test_a_base_path_without_models_serves_and_tells_nothing(
    target: Target, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    (secret / "1").mkdir(parents=True)
    (secret / "1" / "words.txt").write_text("do not tell")
    (secret / "1" / "saved_model.pb").write_text("do not tell")
    (secret / "7").write_text("do not tell")
    try:
        assert _reload(target, "/etc", timeout=1)[0] is Code.DEADLINE_EXCEEDED
        code, said = _reload(target, "/etc", str(secret))
        assert code is Code.UNKNOWN
        assert "did not become available" in said
        status, told = target.http("GET", "/v1/models/m1")
        assert status == 200
        assert b"AVAILABLE" not in told
        assert "do not tell" not in said + told.decode()
    finally:
        assert _reload(target)[0] is Code.OK


def test_many_reloads_at_once_leave_a_server_that_serves(target: Target) -> None:
    with ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(_reload, target, "/etc", "/proc", timeout=1.0) for _ in range(6)]
        assert target.over_rest("scale", [1.0]) == FINE
        for future in asked:
            future.result()
    until(lambda: _reload(target)[0] is Code.OK)
