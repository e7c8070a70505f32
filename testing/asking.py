"""Ask a server of TensorFlow Serving's protocols with nothing of ours in between but messages.

Both ways give the same kind of answer, so that a test can ask one way or the other.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from converter.serving import tensors
from converter.serving.status import HTTP_STATUS, Code
from converter.wire import apis_pb2 as apis

PATIENCE = 120.0
PREDICT = "/tensorflow.serving.PredictionService/Predict"
# Codes that share an HTTP status with others are told by the first of them.
_CODES = {status: code for code, status in reversed(HTTP_STATUS.items())}


@dataclass(frozen=True)
class Answer:
    """What came back: the code, the text of an error, the only output of a success."""

    code: Code
    text: str = ""
    values: Any = None


@dataclass(frozen=True)
class Server:
    """Where a server on this machine listens."""

    rest: int
    grpc: int

    def over_rest(
        self, model: str, value: Any, signature: str = "", timeout: float = PATIENCE
    ) -> Answer:
        """Predict in columnar format."""
        body = json.dumps({"signature_name": signature, "inputs": value})
        status, text = self.http("POST", f"/v1/models/{model}:predict", body.encode(), timeout)
        told = json.loads(text)
        if status != http.client.OK:
            return Answer(_CODES[status], told["error"])
        return Answer(Code.OK, values=told["outputs"])

    def over_grpc(
        self, model: str, value: Any, signature: str = "", timeout: float = PATIENCE
    ) -> Answer:
        """Predict; numbers become float, and int32 where they are given as int."""
        array = np.asarray(value)
        array = array.astype({"f": "f4", "i": "i4"}.get(array.dtype.kind, array.dtype))
        request = apis.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        alias = {"spin": "n"}.get(signature, "x")
        tensors.to_proto(tensors.of_array(array), request.inputs[alias], content=True)
        code, data = self.call(PREDICT, request.SerializeToString(), timeout)
        if code is not Code.OK:
            return Answer(code, data.decode())
        (output,) = apis.PredictResponse.FromString(data).outputs.values()
        return Answer(code, values=tensors.from_proto(output, "").array.tolist())

    def http(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        timeout: float = PATIENCE,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body of any request, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rest, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def call(self, method: str, message: bytes, timeout: float = PATIENCE) -> tuple[Code, bytes]:
        """Code and message, or the text of the error, of any call."""
        unlimited = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc}", unlimited) as channel:
            try:
                ask: Any = channel.unary_unary(method)
                data: bytes = ask(message, timeout=timeout)
            except grpc.RpcError as error:
                return Code(error.code().value[0]), (error.details() or "").encode()
            return Code.OK, data


def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Return when `true()` is; fail when it takes too long."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The processes that `pid` started and that run."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in lists for child in path.read_text().split()]


def cpu_ticks(pid: int) -> int:
    """How long a process has run so far, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def until_busy(pid: int) -> None:
    """Return when a process, idle before, has been working for a while."""
    before = cpu_ticks(pid)
    until(lambda: cpu_ticks(pid) > before + 10)


def memory(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return _status(pid, "VmRSS:")


def most_memory(pid: int) -> int:
    """Bytes of memory that a process held at most."""
    return _status(pid, "VmHWM:")


def _status(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(field))
    return int(line.split()[1]) * 1024
