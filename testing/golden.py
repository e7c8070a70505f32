"""What a real TensorFlow Serving 2.15.1 answered: the records, how to send them, how to compare.

The records lie beside the checkout, with a README that says what each field is.
"""

from __future__ import annotations

import base64
import functools
import http.client
import io
import json
import math
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from converter.wire import apis_pb2 as apis
from converter.wire import health_pb2 as health

FOLDER = Path(__file__).parents[2] / "shared" / "golden"
MODELS = FOLDER / "models"

REPLIES: dict[str, type[Message]] = {
    "Predict": apis.PredictResponse,
    "Classify": apis.ClassificationResponse,
    "Regress": apis.RegressionResponse,
    "MultiInference": apis.MultiInferenceResponse,
    "GetModelMetadata": apis.GetModelMetadataResponse,
    "GetModelStatus": apis.GetModelStatusResponse,
    "HandleReloadConfigRequest": apis.ReloadConfigResponse,
    "Check": health.HealthCheckResponse,
}


@dataclass(frozen=True)
class Record:
    """One exchange."""

    id: str
    config: str
    protocol: str
    request: dict[str, Any]
    response: dict[str, Any]
    volatile: bool = False
    settle_seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What came back, in a form that can be compared: code, kind of body, body."""

    code: object
    kind: str
    body: object


@functools.cache
def records() -> tuple[Record, ...]:
    """Every exchange, in the order of the file."""
    with (FOLDER / "vectors.jsonl").open(encoding="utf-8") as lines:
        return tuple(_record(json.loads(line)) for line in lines)


def config(name: str, folder: Path) -> Path:
    """A configuration file with the models' folder put in, written into `folder`."""
    text = (FOLDER / "configs" / name).read_text(encoding="utf-8")
    path = folder / name
    path.write_text(text.replace("${MODELS}", str(MODELS)), encoding="utf-8")
    return path


def expected(record: Record) -> list[Answer]:
    """The recorded answers; several where requests were pipelined."""
    response = record.response
    if record.protocol == "grpc":
        if response["code"] != "OK":
            return [Answer(response["code"], "details", response["details"])]
        data = base64.b64decode(response["message_base64"])
        return [Answer("OK", "message", _message(record, data))]
    if record.protocol == "rest-wire":
        return _parsed(_bytes(response, "wire"), _methods(record))
    if response.get("no_response"):
        return []
    body = _bytes(response, "body")
    return [_http(response["status"], response["content_type"], body, volatile=record.volatile)]


def send(record: Record, rest: int, rpc: grpc.Channel) -> list[Answer]:
    """Send the request of `record` to the server on these ports of this machine."""
    if record.protocol == "grpc":
        return [_send_grpc(record, rpc)]
    if record.protocol == "rest-wire":
        return _parsed(_send_wire(_bytes(record.request, "wire"), rest), _methods(record))
    connection = http.client.HTTPConnection("127.0.0.1", rest, timeout=60)
    try:
        _put(connection, record.request)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    return [_http(answer.status, answer.headers["Content-Type"], body, volatile=record.volatile)]


def same(a: object, b: object) -> bool:
    """Whether two answers are equal: maps as maps, NaN as NaN, messages as messages."""
    if isinstance(a, Answer) and isinstance(b, Answer):
        return a.code == b.code and a.kind == b.kind and same(a.body, b.body)
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def _record(fields: dict[str, Any]) -> Record:
    names = ("id", "config", "protocol", "request", "response", "volatile", "settle_seconds")
    return Record(**{name: fields[name] for name in names if name in fields})


def _bytes(part: dict[str, Any], name: str) -> bytes:
    if name + "_base64" in part:
        return base64.b64decode(part[name + "_base64"])
    return str(part.get(name, "")).encode()


def _put(connection: http.client.HTTPConnection, request: dict[str, Any]) -> None:
    method, path = request["method"], request["path"]
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in request["headers"].items():
        connection.putheader(name, value)
    connection.endheaders(_bytes(request, "body") or None)


def _http(status: int, kind: str | None, body: bytes, *, volatile: bool = False) -> Answer:
    """A body is JSON by its value, anything else by its text; `volatile` ones are left out."""
    if volatile:
        return Answer(status, kind or "", "")
    text = body.decode("latin-1")  # strings of a model need not be UTF-8
    is_json = kind == "application/json" and text
    return Answer(status, kind or "", json.loads(text, strict=False) if is_json else text)


def _send_grpc(record: Record, channel: grpc.Channel) -> Answer:
    data = base64.b64decode(record.request["message_base64"])
    if record.request["method"].endswith("HandleReloadConfigRequest"):
        text = apis.ReloadConfigRequest.FromString(data)
        for model in text.config.model_config_list.config:
            model.base_path = model.base_path.replace("${MODELS}", str(MODELS))
        data = text.SerializeToString()
    late = record.response["code"] == "DEADLINE_EXCEEDED"  # no need to wait as long as recorded
    seconds = 2 if late else record.request.get("deadline_seconds", 20)
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    call = channel.unary_unary(record.request["method"])
    try:
        return Answer("OK", "message", _message(record, call(data, timeout=seconds)))
    except grpc.RpcError as error:
        return Answer(error.code().name, "details", error.details())


def _message(record: Record, data: bytes) -> object:
    reply = REPLIES[record.request["method"].rpartition("/")[2]].FromString(data)
    if isinstance(reply, apis.GetModelMetadataResponse):
        held = reply.metadata["signature_def"]
        signatures = apis.SignatureDefMap.FromString(held.value)
        return [str(reply.model_spec), held.type_url, _plain(signatures)]
    return _plain(reply)


def _plain(message: Message) -> object:
    """The message as dicts and lists, so that the order of maps does not count and NaN is NaN."""
    found: dict[str, object] = {}
    for field, value in message.ListFields():
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            found[field.name] = {str(key): _value(item) for key, item in value.items()}
        elif field.is_repeated:
            found[field.name] = [_value(item) for item in value]
        else:
            found[field.name] = _value(value)
    return found


def _value(value: object) -> object:
    return _plain(value) if isinstance(value, Message) else value


def _send_wire(data: bytes, port: int) -> bytes:
    """All bytes that come back until the server closes or nothing more comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
                connection.settimeout(0.5)
        except TimeoutError:
            pass
        return received


def _methods(record: Record) -> list[str]:
    lines = _bytes(record.request, "wire").decode("latin-1").splitlines()
    return [line.split(" ")[0] for line in lines if " HTTP/" in line] or ["GET"]


def _parsed(data: bytes, methods: list[str]) -> list[Answer]:
    return list(_responses(data, methods))


def _responses(data: bytes, methods: list[str]) -> Iterator[Answer]:
    stream = io.BytesIO(data)

    class Socket:
        """What http.client wants of a socket."""

        def makefile(self, mode: str) -> io.BytesIO:
            return stream

    for method in methods:
        if stream.tell() == len(data):
            return
        at = stream.tell()
        response = http.client.HTTPResponse(Socket(), method=method)  # type: ignore[arg-type]
        response.begin()
        length = int(response.headers.get("Content-Length", 0))
        head = data.index(b"\r\n\r\n", at) + 4
        body = data[head : head + length]
        yield _http(response.status, response.headers["Content-Type"], body)
        stream = io.BytesIO(data)
        stream.seek(head + length)
