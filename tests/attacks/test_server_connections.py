"""Connections to the embedded server that are no HTTP, stall, flood or end: others are served."""

from __future__ import annotations

import json
import random
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from converter.serving.server import http as http_module
from converter.serving.server.core import Core
from converter.serving.server.manager import Manager, Options
from converter.serving.server.metrics import Metrics
from converter.serving.server.rest import Rest
from converter.serving.server.servable import Servable
from testing import asking, golden
from testing.asking import until
from tests.attacks.target import (
    ESTABLISHED,
    FINE,
    GET,
    GIB,
    GOOD,
    POST,
    Target,
    is_closed,
    received,
    sockets,
)

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]

# ---- what is hardly HTTP

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/models/" + b"a" * 3_000_000,
        b"GET /v1/models/scale HTTP/1.1\r\nX: " + b"a" * 3_000_000,
        b"GET /v1/models/scale HTTP/1.1\r\n" + b"X: a\r\n" * 500_000,
        b"GET /v1/models/scale HTTP/1.1\r\n" + b"X" * 3_000_000,
    ],
    ids=["path", "value", "headers", "name"],
)
def test_a_head_that_does_not_end_is_cut_off(target: Target, head: bytes) -> None:
    with target.connect() as connection:
        try:
            connection.sendall(head)
            assert received(connection).startswith(BAD_REQUEST)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it closed while we were still sending
        until(lambda: is_closed(connection))
    assert asking.most_memory(target.process) < GIB


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        bytes(1000),
        random.Random(2).randbytes(100_000),
        b"GET\r\n\r\n",
        b"GET /v1/models/scale HTTP/9.9\r\n\r\n",
        b"GET /v1/models/\0 HTTP/1.1\r\n\r\n",
        b"GET /v1/models/scale HTTP/1.1\r\nX\0: 1\r\n\r\n",
        b"GET /v1/models/scale HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /v1/models/scale HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /v1/models/scale:predict HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /v1/models/scale:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/models/scale:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"f" * 100,
        b"POST /v1/models/scale:predict HTTP/1.1\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda data: ascii(data[:60]),
)
def test_what_is_no_http_gets_a_page_and_the_end(target: Target, data: bytes) -> None:
    with target.connect() as connection:
        connection.sendall(data)
        assert received(connection).startswith(BAD_REQUEST)
        until(lambda: is_closed(connection))


def test_what_promises_a_large_body_takes_no_memory(target: Target) -> None:
    head = b"POST /v1/models/scale:predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    before = asking.memory(target.process)
    with target.connect() as connection:
        connection.sendall(head % 10**15)
        assert target.over_rest("scale", [1.0]) == FINE
        assert asking.memory(target.process) - before < 50_000_000


def test_requests_sent_ahead_are_answered_in_order_up_to_the_garbage(target: Target) -> None:
    answers = target.exchange(POST * 3 + GET + b"\0\xff no request\r\n\r\n" + POST)
    assert answers.count(b"HTTP/1.1 200 OK") == 4
    assert answers.count(b'{"predictions": [3.5]}') == 3
    assert answers.rindex(b"predictions") < answers.index(b"model_version_status")


def test_a_flood_of_requests_sent_ahead_takes_no_memory(target: Target) -> None:
    before = asking.memory(target.process)
    end = time.monotonic() + 3
    count = 0
    with target.connect() as connection:
        connection.setblocking(False)
        while time.monotonic() < end:
            readable, writable, _ = select.select([connection], [connection], [], 1)
            if readable:
                count += connection.recv(1 << 20).count(b"HTTP/1.1 200 OK")
            if writable:
                connection.send(GET * 1000)
    assert count > 10
    assert asking.memory(target.process) - before < 50_000_000


# ---- connections that stall or end


@pytest.mark.parametrize(
    "part",
    [b"", GET[:10], GET[:-2], POST[:-4]],
    ids=["nothing", "half a line", "half a head", "half a body"],
)
def test_half_open_connections_hold_nobody_up(target: Target, part: bytes) -> None:
    connections = [target.connect() for _ in range(300)]
    try:
        for connection in connections:
            connection.sendall(part)
        for _ in range(5):
            assert target.over_rest("scale", [1.0]) == FINE
        connections[0].sendall(POST[len(part) :] if POST.startswith(part) else GET[len(part) :])
        assert b"HTTP/1.1 200 OK" in received(connections[0])
    finally:
        for connection in connections:
            connection.close()


def _abort(connection: socket.socket) -> None:
    """Close at once, with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_clients_that_go_away_in_a_request_are_forgotten(target: Target) -> None:
    for end in (socket.socket.close, _abort):
        for part in (GET[:10], POST[:-4], POST):
            for _ in range(20):
                connection = target.connect()
                connection.sendall(part)
                end(connection)
    until(lambda: _connections(target) == 0)


def test_clients_that_go_away_in_an_answer_are_forgotten(target: Target) -> None:
    numbers = json.dumps({"inputs": [1.5] * 500_000}).encode()
    head = b"POST /v1/models/scale:predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(numbers)
    for end in (socket.socket.close, _abort):
        for _ in range(3):
            connection = target.connect()
            connection.sendall(head + numbers)
            assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
            end(connection)
    until(lambda: _connections(target) == 0)


def _connections(target: Target) -> int:
    """How many connections the server holds on its REST port."""
    return sum(
        local.endswith(f":{target.rest:04X}") and state == ESTABLISHED
        for local, state in sockets(target.process)
    )


class _NoModels:
    """A loader of nothing."""

    def load(self, folder: Path, tags: object) -> Servable:
        raise AssertionError("there is nothing to load")


@pytest.fixture
def impatient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a REST side without models, in this process, with little patience."""
    monkeypatch.setattr(http_module, "IDLE_SECONDS", getattr(request, "param", 1.0))
    manager = Manager(_NoModels(), Options(poll_seconds=0), lambda servable, *_: servable)
    rest = Rest(Core(manager, Metrics(), check_methods=False), timeout=30)
    server = http_module.HttpServer(rest, "127.0.0.1", 0, 4)
    server.start()
    yield server.port
    server.stop(5)
    manager.close()


@pytest.mark.parametrize(
    "part", [b"", GET[:10], POST[:-4]], ids=["nothing", "half a line", "half a body"]
)
def test_a_request_that_does_not_go_on_is_given_up(impatient: int, part: bytes) -> None:
    with socket.create_connection(("127.0.0.1", impatient)) as connection:
        connection.sendall(part)
        until(lambda: is_closed(connection), 30)


def test_a_head_in_drops_is_given_up(impatient: int) -> None:
    with socket.create_connection(("127.0.0.1", impatient)) as connection:
        drops = iter(b"GET /v1/models/" + b"a" * 10**6)

        def closed_after_a_drop() -> bool:
            try:
                connection.send(bytes([next(drops)]))
            except OSError:
                return True
            return is_closed(connection)

        until(closed_after_a_drop, 30)


@pytest.mark.parametrize("impatient", [4.0], indirect=True)
def test_a_body_in_drops_is_read_as_long_as_it_comes(impatient: int) -> None:
    with socket.create_connection(("127.0.0.1", impatient)) as connection:
        connection.sendall(POST[:-19])
        for byte in GOOD:
            time.sleep(0.25)
            connection.sendall(bytes([byte]))
        assert b"404 Not Found" in received(connection)


def test_an_answer_that_is_not_taken_is_given_up(impatient: int) -> None:
    """More of them than the buffers of the connection hold."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", impatient))
        connection.setblocking(False)
        waiting = memoryview(b"GET /v1/models/%b HTTP/1.1\r\n\r\n" % (b"a" * 900_000) * 20)

        def closed_after_some_more() -> bool:
            nonlocal waiting
            try:
                waiting = waiting[connection.send(waiting) :]
            except BlockingIOError:
                pass
            except OSError:
                return True
            return is_closed(connection)

        until(closed_after_some_more, 60)


@pytest.mark.parametrize("impatient", [4.0], indirect=True)
def test_an_answer_that_is_taken_slowly_comes_whole(impatient: int) -> None:
    """It takes longer than the server has patience."""
    path = b"/v1/models/" + b"a" * 900_000
    with socket.create_connection(("127.0.0.1", impatient), timeout=30) as connection:
        connection.sendall(b"GET %b HTTP/1.1\r\n\r\n" % path * 8)
        got = b""
        while got.count(b"}") < 8:
            time.sleep(0.2)
            some = connection.recv(300_000)
            assert some, "it ended before the end"
            got += some
    assert got.count(b"a" * 900_000) == 8
