"""Hostile requests to the embedded server: they get an answer, and the others are served.

After every attack the same worker still answers over REST and gRPC, and memory was bounded: see the
fixture `target`.
"""

from __future__ import annotations

import functools
import gzip
import json
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from converter.serving import tensors
from converter.serving.status import Code
from testing import golden
from tests.attacks.target import (
    GOOD,
    LARGE,
    LISTEN,
    LOOPBACK,
    Target,
    predict_request,
    sockets,
)

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]

DEEP = 500_000


# ---- bodies

WRONG_BODIES = {
    b"": "JSON Parse error: The document is empty",
    b"\0": "JSON Parse error: The document is empty",
    b"[]": "JSON Value: [] Is not object",
    b"{}": "Missing 'inputs' or 'instances' key",
    b'{"instances":': "JSON Parse error: Invalid value. at offset: 13",
    b'{"instances":{}}': "Expecting 'instances' to be an list/array",
    b'{"instances":[]}': "No values in 'instances' array",
    b'{"instances":["a"]}': 'JSON Value: "a" Type: String is not of expected type: float',
    b'{"instances":[[1],[1,2]]}': "Expecting tensor size: 1 but got: 2",
    b'{"instances":[1e999]}': "JSON Parse error: Number too big to be stored in double.",
    b'{"instances":[{"b64":"?"}]}': "JSON Value: ",
    b'{"instances":[1],"inputs":[1]}': "only one of 'inputs' or 'instances' keys",
    b'{"inputs":{"z":[1]}}': "Missing named input: x in 'inputs' object.",
    b'{"signature_name":7,"instances":[1]}': "'signature_name' key must be a string value.",
    b'{"signature_name":"nope","instances":[1]}': 'Serving signature name: "nope" not found',
    b'\xff\xfe{\0"\0': "JSON Parse error: Invalid value. at offset: 0",
}


@pytest.mark.parametrize("body", WRONG_BODIES, ids=ascii)
def test_a_wrong_body_is_told_as_tensorflow_serving_tells_it(target: Target, body: bytes) -> None:
    status, said = target.post(body)
    assert status == 400
    assert WRONG_BODIES[body] in said


def test_100_mb_of_numbers_are_answered(target: Target) -> None:
    count = LARGE // 6
    body = b'{"signature_name":"total","inputs":[' + b"0.125," * (count - 1) + b"0.125]}"
    status, answer = target.post(body, model="anyrank")
    assert status == 200
    assert json.loads(answer) == {"outputs": pytest.approx(count / 8)}


NO_FLOAT = "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: "
NOT_NUMBERS: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "garbage": (
        lambda: b"\xff" + random.Random(1).randbytes(LARGE),
        400,
        "JSON Parse error: Invalid value. at offset: 0",
    ),
    "spaces": (lambda: b" " * LARGE, 400, "JSON Parse error: The document is empty."),
    "one string": (
        lambda: b'{"instances":["' + b"a" * LARGE + b'"]}',
        400,
        NO_FLOAT + '"aaaa',
    ),
    "one escaped string": (
        lambda: b'{"instances":["' + b"\\u0041" * (LARGE // 24) + b'"]}',
        400,
        NO_FLOAT + '"AAAA',
    ),
    "one number": (
        lambda: b'{"instances":[' + b"1" * LARGE + b"]}",
        400,
        "JSON Parse error: Number too big to be stored in double. at offset: 14",
    ),
    "a name": (
        lambda: b'{"' + b"a" * LARGE + b'":1}',
        400,
        "Missing 'inputs' or 'instances' key",
    ),
    "brackets": (lambda: b"[" * LARGE, 429, "The body holds more than 4194304 values"),
}


@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_100_mb_of_something_else_are_refused(target: Target, case: str) -> None:
    body, status, said = NOT_NUMBERS[case]
    found, text = target.post(body())
    assert (found, text[: len(said)]) == (status, said)
    assert len(text) < 2_000_000  # what was sent is not sent back whole


DEEPLY = {
    "arrays": (b'{"instances":' + b"[" * DEEP + b"]" * DEEP + b"}", 400),
    "objects": (b'{"instances":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}", 400),
    "ignored": (b'{"x":' + b"[" * DEEP + b"]" * DEEP + b',"instances":[1.0]}', 200),
    "unclosed": (b'{"instances":' + b"[" * DEEP, 400),
}


@pytest.mark.parametrize("case", DEEPLY)
def test_deep_nesting_is_read_where_the_real_server_dies(target: Target, case: str) -> None:
    body, status = DEEPLY[case]
    assert target.post(body)[0] == status


@functools.cache
def bomb() -> bytes:
    """1 GiB of zeros, as 1 MB: 1 MiB of them, 1024 times."""
    block, times = bytes(1 << 20), 1024
    press = zlib.compressobj(9, wbits=-15)
    packed = (press.compress(block) + press.flush(zlib.Z_FULL_FLUSH)) * times + press.flush()
    checksum = functools.reduce(lambda sum_, _: zlib.crc32(block, sum_), range(times), 0)
    head = b"\x1f\x8b\x08" + bytes(7)
    return head + packed + struct.pack("<II", checksum, len(block) * times)


def test_the_bomb_is_one() -> None:
    begin = zlib.decompressobj(wbits=31).decompress(bomb(), LARGE)
    assert (len(begin), len(bomb()) < 2_000_000) == (LARGE, True)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(bomb, id="1 GiB of zeros"),
        pytest.param(lambda: gzip.compress(bomb()), id="a bomb in a bomb"),
        pytest.param(lambda: bomb()[:1000], id="cut off"),
        pytest.param(lambda: b"\x1f\x8b" + bytes(1000), id="no gzip"),
        pytest.param(lambda: gzip.compress(GOOD) + b"more", id="more behind"),
    ],
)
def test_what_does_not_inflate_to_a_body_is_empty(
    target: Target, body: Callable[[], bytes]
) -> None:
    status, said = target.post(body(), content_encoding="gzip")
    assert status == 400
    assert said.startswith("JSON Parse error: ")


def test_a_message_of_tensorflow_may_hold_what_was_sent(target: Target) -> None:
    """A serialised example that is none is repeated in the message."""
    request = {"signature_name": "predict_examples", "instances": ["\x7f" * 12_000_001]}
    status, said = target.post(json.dumps(request).encode(), model="examples")
    assert status == 400
    assert said.startswith("Could not parse example input, value: '\x7f\x7f")
    assert len(said) <= 1 << 20


def test_a_message_of_tensorflow_may_be_no_text(target: Target) -> None:
    said = "Could not parse example input, value: '"
    body = b'{"signature_name":"predict_examples","instances":[{"b64":"//8="}]}'
    status, text = target.post(body, model="examples")
    assert (status, text[: len(said) + 2]) == (400, said + "\xff\xff")
    request = predict_request("examples", "predict_examples")
    tensor = tensors.of_array(np.array([b"\xff\xff"], object))
    tensors.to_proto(tensor, request.inputs["examples"], content=False)
    code, text = target.predict(request)
    assert (code, text[: len(said)]) == (Code.INVALID_ARGUMENT, said)


# ---- paths

PATHS = {
    "/v1/models/..%2f..%2fetc%2fpasswd": "Could not find any versions of model ../../etc/passwd",
    "/v1/models/%2Fetc%2Fpasswd": "Could not find any versions of model /etc/passwd",
    "/v1/models/%2e%2e": "Could not find any versions of model ..",
    "/v1/models/..": "Could not find any versions of model ..",
    "/v1/models/%00": "Could not find any versions of model \0",
    "/v1/models/scale%00": "Could not find any versions of model scale\0",
    "/v1/models/..%2f..%2f/versions/1": "Could not find version 1 of model ../../",
    "/v1/models/..%2fscale/metadata": "Servable not found for request: Latest(../scale)",
    "/v1/models/scale/labels/..%2f..%2f1/metadata": (
        "Unrecognized servable version label: ../../1"
    ),
    "/v1/models/../../etc/passwd": "Malformed request: GET /v1/models/../../etc/passwd",
    "/v1/models/scale/versions/..%2f1": "Malformed request: GET /v1/models/scale/versions/..%2f1",
    "/v1/models/scale/versions/%31": "Malformed request: GET /v1/models/scale/versions/%31",
    "/v1/models/file:%2f%2f%2fetc": "Malformed request: GET /v1/models/file:%2f%2f%2fetc",
    "/v1/../../../etc/passwd": "Malformed request: GET /v1/../../../etc/passwd",
}


@pytest.mark.parametrize("path", PATHS)
def test_no_path_of_a_request_is_one_of_the_file_system(target: Target, path: str) -> None:
    status, body = target.http("GET", path)
    assert status in (400, 404)
    assert json.loads(body) == {"error": PATHS[path]}


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "//etc/passwd", "/", "/../../etc/passwd", "/monitoring/../../etc/passwd"],
)
def test_other_paths_are_not_found(target: Target, path: str) -> None:
    status, body = target.http("GET", path)
    assert (status, b"<H1>Not Found</H1>" in body) == (404, True)


@pytest.mark.parametrize("name", ["../scale", "/etc", "..", "scale/1", "scale\0"])
def test_no_name_in_a_message_is_a_path(target: Target, name: str) -> None:
    wanted = (Code.NOT_FOUND, f"Servable not found for request: Latest({name})")
    assert target.predict(predict_request(name)) == wanted


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/scale/versions/" + "1" * 5000, 400),
        ("/v1/models/scale/versions/" + "0" * 5000 + "1", 200),
        ("/v1/models/" + "a" * 500_000, 404),
        ("/v1/models/scale" + "/" * 100_000, 400),
        ("/v1/models/" + "%2e%2e%2f" * 50_000, 404),
        ("/" + "a" * 500_000, 404),
    ],
    ids=["version", "zeros", "name", "slashes", "dots", "outside"],
)
def test_long_paths_are_answered(target: Target, path: str, status: int) -> None:
    assert target.http("GET", path)[0] == status


# ---- where it listens


def test_it_listens_on_the_loopback_address_alone(target: Target) -> None:
    listening = [local for local, state in sockets(target.process) if state == LISTEN]
    ports = {int(local.rpartition(":")[2], 16) for local in listening}
    assert ports == {target.rest, target.grpc}
    assert {local.rpartition(":")[0] for local in listening} <= LOOPBACK
