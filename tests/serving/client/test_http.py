"""What goes wrong between a client and a server over HTTP has a typed error; nothing hangs."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator

import pytest

from converter.serving.client import errors
from converter.serving.client.http import Connection
from converter.serving.status import Code
from testing.player import HttpPlayer, Reply, Request, http_player


@pytest.fixture
def player() -> Iterator[HttpPlayer]:
    with http_player() as opened:
        opened.answer = lambda _: Reply(200, b"{}")
        yield opened


@pytest.fixture
def connection(player: HttpPlayer) -> Iterator[Connection]:
    opened = Connection(player.url, "model 'm'", 30, compress=False)
    yield opened
    opened.close()


def test_one_connection_serves_all_requests(player: HttpPlayer, connection: Connection) -> None:
    for _ in range(3):
        connection.get("/a")
        connection.post("/b", b"{}")
    assert len({request.peer for request in player.asked}) == 1
    assert [request.path for request in player.asked[:2]] == ["/a", "/b"]


def test_a_kept_connection_that_was_closed_is_opened_again(
    player: HttpPlayer, connection: Connection
) -> None:
    def answer(request: Request) -> Reply:
        # The second request comes to a connection that is closed without an answer.
        return Reply(0, b"", close=True) if len(player.asked) == 2 else Reply(200, b'{"a": 1}')

    player.answer = answer
    assert connection.get("/1") == connection.get("/2") == {"a": 1}
    assert [request.path for request in player.asked] == ["/1", "/2", "/2"]


def test_a_server_that_always_closes_is_unavailable(
    player: HttpPlayer, connection: Connection
) -> None:
    player.answer = lambda _: Reply(0, b"", close=True)
    with pytest.raises(errors.ServerUnavailable, match="model 'm'"):
        connection.get("/")
    assert len(player.asked) == 2


def test_requests_can_be_compressed(player: HttpPlayer) -> None:
    connection = Connection(player.url, "m", 30, compress=True)
    connection.post("/", b'{"instances": [1]}')
    connection.close()
    (request,) = player.asked
    assert request.headers["content-encoding"] == "gzip"
    assert gzip.decompress(request.body) == b'{"instances": [1]}'


def test_no_proxy_stands_before_this_machine(
    player: HttpPlayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    connection = Connection(player.url, "m", 30, compress=False)
    assert connection.get("/") == {}
    connection.close()


def test_a_closed_port_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(errors.ServerUnavailable) as caught:
            Connection(url, "m", 30, compress=False).get("/")
    assert caught.value.code is Code.UNAVAILABLE
    assert "refused" in caught.value.why


def test_a_host_that_is_none_is_unavailable() -> None:
    for url in ("http://", "http://[", "ftp://127.0.0.1"):
        with pytest.raises(errors.ServerUnavailable):
            Connection(url, "m", 30, compress=False).get("/")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
def test_a_server_that_falls_silent_is_a_timeout(head: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []

        def serve() -> None:
            accepted.append(server.accept()[0])
            accepted[0].sendall(head)

        thread = threading.Thread(target=serve)
        thread.start()
        connection = Connection(
            f"http://127.0.0.1:{server.getsockname()[1]}", "m", 0.3, compress=False
        )
        with pytest.raises(errors.ServerTimeout) as caught:
            connection.get("/")
        connection.close()
        thread.join()
        accepted[0].close()
    assert caught.value.why == "no answer within 0.3 s"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, errors.RequestRefused, Code.INVALID_ARGUMENT),
        (401, errors.RequestRefused, Code.UNAUTHENTICATED),
        (403, errors.RequestRefused, Code.PERMISSION_DENIED),
        (404, errors.ModelNotFound, Code.NOT_FOUND),
        (429, errors.ServerUnavailable, Code.RESOURCE_EXHAUSTED),
        (500, errors.RequestFailed, Code.UNKNOWN),
        (501, errors.RequestRefused, Code.UNIMPLEMENTED),
        (503, errors.ServerUnavailable, Code.UNAVAILABLE),
        (504, errors.ServerTimeout, Code.DEADLINE_EXCEEDED),
        (418, errors.RequestFailed, Code.UNKNOWN),
    ],
)
def test_a_status_is_the_error_of_its_code_with_the_servers_words(
    player: HttpPlayer,
    connection: Connection,
    status: int,
    kind: type[errors.ServingError],
    code: Code,
) -> None:
    player.answer = lambda _: Reply(status, b'{ "error": "in its words" }')
    with pytest.raises(errors.ServingError) as caught:
        connection.get("/")
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.message) == (code, "in its words")
    assert "in its words" in caught.value.line()


def test_an_error_without_words_is_told_by_its_status(
    player: HttpPlayer, connection: Connection
) -> None:
    player.answer = lambda _: Reply(400, b"")
    with pytest.raises(errors.RequestRefused) as caught:
        connection.get("/")
    assert caught.value.message == "HTTP 400 Bad Request"


@pytest.mark.parametrize("status", [502, 503])
def test_a_proxy_without_its_server_is_unavailable(
    player: HttpPlayer, connection: Connection, status: int
) -> None:
    player.answer = lambda _: Reply(status, b"<html>no upstream</html>", "text/html")
    with pytest.raises(errors.ServerUnavailable, match="no upstream"):
        connection.get("/")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>hello</html>"),
        Reply(200, b""),
        Reply(200, b"[1]"),
        Reply(302, b"{}"),
        Reply(404, b"<HTML>Not Found</HTML>"),
        Reply(400, b'{"error": 3}'),
    ],
    ids=["html", "empty", "list", "redirect", "not found", "number"],
)
def test_what_no_tensorflow_serving_says_is_unreadable(
    player: HttpPlayer, connection: Connection, reply: Reply
) -> None:
    player.answer = lambda _: reply
    with pytest.raises(errors.AnswerUnreadable) as caught:
        connection.get("/")
    assert f"HTTP {reply.status}" in caught.value.why
    assert "REST port" in caught.value.fix
