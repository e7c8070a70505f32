"""Servers over real sockets that answer what they are told to, and keep what they were asked."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc


@dataclass(frozen=True)
class Request:
    """What came over HTTP; `peer` is the client's port, so equal for requests of one connection."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    peer: int


@dataclass(frozen=True)
class Reply:
    """What goes back: nothing where `status` is 0; `close` closes the connection after it."""

    status: int
    body: bytes
    kind: str = "application/json"
    close: bool = False


@dataclass
class HttpPlayer:
    """`answer` makes the reply to each request; `asked` is all of them."""

    answer: Callable[[Request], Reply] = field(default=lambda _: Reply(500, b""))
    asked: list[Request] = field(default_factory=list)
    url: str = ""


@contextmanager
def http_player() -> Iterator[HttpPlayer]:
    """A player on a free port of this machine, with connections kept alive."""
    player = HttpPlayer()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body, self.client_address[1])
            player.asked.append(request)
            reply = player.answer(request)
            self.close_connection = reply.close
            if reply.status:
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.kind)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

        do_GET = do_POST = reply

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    player.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield player
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Failure:
    """A gRPC status to answer with instead of a message."""

    code: grpc.StatusCode
    details: str


@dataclass
class GrpcPlayer:
    """`answer` makes the reply to the method and bytes of each call; `asked` is all of them."""

    answer: Callable[[str, bytes], bytes | Failure] = field(default=lambda *_: b"")
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    address: str = ""


@contextmanager
def grpc_player(
    address: str = "127.0.0.1:0", credentials: grpc.ServerCredentials | None = None
) -> Iterator[GrpcPlayer]:
    """A player at `address`, on a free port where it names none."""
    player = GrpcPlayer()

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
            def reply(raw: bytes, context: grpc.ServicerContext) -> bytes:
                player.asked.append((details.method, raw))
                answer = player.answer(details.method, raw)
                if isinstance(answer, Failure):
                    context.abort(answer.code, answer.details)
                    raise AssertionError("abort raises")
                return answer

            return grpc.unary_unary_rpc_method_handler(reply)

    unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Handler()], options=unlimited)
    if credentials is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, credentials)
    player.address = address if address.startswith("unix:") else f"127.0.0.1:{port}"
    server.start()
    try:
        yield player
    finally:
        server.stop(None).wait()
