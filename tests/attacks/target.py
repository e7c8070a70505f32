"""The embedded server as a target, and what its attackers look at."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from converter.serving.status import Code
from converter.wire import apis_pb2 as apis
from testing import asking
from testing.asking import PREDICT, Answer

LARGE = 100_000_000
GIB = 1 << 30
FINE = Answer(Code.OK, values=[3.5])
GOOD = b'{"instances":[1.0]}'
GET = b"GET /v1/models/scale HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/models/scale:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 19\r\n\r\n" + GOOD
ESTABLISHED, LISTEN = "01", "0A"
# 127.0.0.1 as the kernel writes it, by itself and within IPv6.
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}


@dataclass(frozen=True)
class Target(asking.Server):
    """A server under attack."""

    process: int
    folder: Path

    def post(self, body: bytes, model: str = "scale", **headers: str) -> tuple[int, str]:
        """Status, and the text of the error or the body, of a predict request."""
        path = f"/v1/models/{model}:predict"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, answer = self.http("POST", path, body, headers=named)
        text = answer.decode("latin-1")
        return status, text if status == 200 else json.loads(text, strict=False)["error"]

    def connect(self) -> socket.socket:
        """A connection to the REST port."""
        return socket.create_connection(("127.0.0.1", self.rest), timeout=asking.PATIENCE)

    def exchange(self, data: bytes) -> bytes:
        """All that comes back, until the server closes or is silent for a moment."""
        with self.connect() as connection:
            connection.sendall(data)
            return received(connection)

    def predict(self, request: apis.PredictRequest) -> tuple[Code, str]:
        """Code and text of a gRPC request."""
        code, text = self.call(PREDICT, request.SerializeToString())
        return code, text.decode() if code is not Code.OK else ""


def received(connection: socket.socket) -> bytes:
    """All that comes until the other side closes or is silent for a moment."""
    data = b""
    try:
        while chunk := connection.recv(1 << 20):
            data += chunk
            connection.settimeout(0.5)
    except (TimeoutError, ConnectionResetError):
        pass
    return data


def predict_request(model: str = "scale", signature: str = "") -> apis.PredictRequest:
    """A request without inputs."""
    request = apis.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    return request


def sockets(pid: int) -> Iterator[tuple[str, str]]:
    """Local address and state of the TCP sockets of a process."""
    own = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            own.add(str(entry.readlink()))
        except OSError:
            continue  # closed in the meantime
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in own:
                yield fields[1], fields[3]


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has ended a connection that has nothing more to read."""
    poll = select.poll()
    poll.register(connection, select.POLLIN | select.POLLRDHUP)
    return any(event & (select.POLLRDHUP | select.POLLERR) for _, event in poll.poll(0))
