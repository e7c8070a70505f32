"""HTTP/1.1 for the REST side: uvicorn, with the manners of TensorFlow Serving's HTTP library."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Sized
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from converter.serving.server import json_reply
from converter.serving.server.rest import JSON, Request, Response, Rest, page

log = logging.getLogger(__name__)

# Bytes of request bodies held at once, over all connections; more is RESOURCE_EXHAUSTED.
BODIES_LIMIT = 2 * 1024**3
# Seconds without a byte after which a connection is closed: one whose request is not whole yet, and
# one that does not take its answer.
IDLE_SECONDS = 60.0
BACKLOG = 1024
KEEP_ALIVE_SECONDS = 300
# Bytes that a request's line and headers may have together.
HEAD_LIMIT = 1 << 20
# How often the end looks whether all connections are closed.
CLOSING_STEP = 0.01


class _Flow(FlowControl):
    """Reads nothing more while requests that were sent ahead wait for their turn."""

    def __init__(self, transport: asyncio.Transport, ahead: Sized) -> None:
        super().__init__(transport)
        self._ahead = ahead

    def resume_reading(self) -> None:
        if not self._ahead:
            super().resume_reading()


class Protocol(HttpToolsProtocol):
    """One connection. Keeps the request line as it came, and answers what is no HTTP."""

    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    # Bytes that came since the last request's headers were whole; None while a body comes.
    _head: int | None = 0

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first request."""
        # Head and body of an answer are two writes; the second must not wait for the client's
        # word that it got the first, which takes 40 ms. asyncio sees to that only for sockets
        # that were made with a protocol number.
        opened: socket.socket = transport.get_extra_info("socket")
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._wait_no_longer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came, unless a request's head does not end."""
        if self._head is not None:
            self._head += len(data)
            if self._head > HEAD_LIMIT:
                self.send_400_response("")
                return
        super().data_received(data)

    def pause_writing(self) -> None:
        """An answer is larger than what the connection takes at once: see that it is taken."""
        super().pause_writing()
        self._stalled = self.loop.call_later(IDLE_SECONDS, self._give_up, self._unsent())

    def resume_writing(self) -> None:
        """The answer was taken, or nearly."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def _unsent(self) -> int:
        return self.transport.get_write_buffer_size()

    def _give_up(self, unsent: int) -> None:
        """End the connection when nothing was taken since `unsent` bytes were left."""
        left = self._unsent()
        if left < unsent:
            self._stalled = self.loop.call_later(IDLE_SECONDS, self._give_up, left)
        else:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """Hand the whole target on; uvicorn would cut it into path, query and fragment."""
        self.scope["target"] = self.url  # type: ignore[typeddict-unknown-key]
        self.url = b"/"
        self._head = None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body came; who waits for leave to send it has not waited."""
        if self.cycle is not None:
            self.cycle.waiting_for_100_continue = False
        self._wait()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._head = 0
        self._wait_no_longer()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets a page, and the connection ends; answers under way go first."""
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self.cycle.keep_alive = False
            return
        response = page(400, "Bad Request")
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: {response.content_type}\r\n"
        head += f"Connection: close\r\nContent-Length: {len(response.body)}\r\n\r\n"
        self.transport.write(head.encode() + response.body)
        self.transport.close()

    def _wait(self) -> None:
        self._wait_no_longer()
        self._deadline = self.loop.call_later(IDLE_SECONDS, self.transport.close)

    def _wait_no_longer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class App:
    """The ASGI application: collects a body, has a thread answer it."""

    def __init__(self, rest: Rest, threads: ThreadPoolExecutor) -> None:
        self._rest = rest
        self._threads = threads
        self._held = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        body = bytearray()
        try:
            response = await self._read(receive, body)
            if response is None:
                headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
                request = Request(scope["method"], scope["target"], headers, bytes(body))
                loop = asyncio.get_running_loop()
                response = await loop.run_in_executor(self._threads, self._answer, request)
        except ConnectionError:
            return  # the client went away
        finally:
            self._held -= len(body)
        await self._send(response, send)

    async def _read(self, receive: Any, body: bytearray) -> Response | None:
        """Fill `body`; a response where it is too much. Raises ConnectionError."""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError
            more = message.get("more_body", False)
            if self._held + len(message["body"]) > BODIES_LIMIT:
                said = json_reply.error_body("Too many bytes of requests are held already")
                return Response(429, JSON, said, close=True)
            body += message["body"]
            self._held += len(message["body"])
        return None

    def _answer(self, request: Request) -> Response:
        try:
            return self._rest.answer(request)
        except Exception as error:  # a defect: the client gets an answer, the log the trace
            log.exception("%s %r failed", request.method, request.target)
            said = json_reply.error_body(f"Internal error: {type(error).__name__}")
            return Response(500, JSON, said)

    async def _send(self, response: Response, send: Any) -> None:
        headers = [
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
            *response.headers,
        ]
        if response.close:
            headers.append(("Connection", "close"))
        encoded = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": response.status, "headers": encoded})
        await send({"type": "http.response.body", "body": response.body})


class HttpServer:
    """Listens on an address, in a thread of its own. uvicorn has the protocol, not the server:
    that one looks for the end only ten times a second.
    """

    def __init__(self, rest: Rest, host: str, port: int, threads: int) -> None:
        """Bind; nothing is answered before `start`. Raises OSError."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="rest")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self.port: int = self._socket.getsockname()[1]
        self._config = uvicorn.Config(
            App(rest, self._threads),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._state = ServerState()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="rest", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._config.load()
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Take no more requests, finish those under way within `seconds`, and close."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(seconds + 1)
        self._socket.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await self._loop.create_server(self._connection, sock=self._socket)
        await self._stopping.wait()
        server.close()
        for connection in list(self._state.connections):
            connection.shutdown()  # at once when it is idle, else after its answer
        while self._state.connections:
            await asyncio.sleep(CLOSING_STEP)

    def _connection(self) -> Protocol:
        return Protocol(self._config, self._state, {}, self._loop)
