"""JSON over one kept-alive HTTP connection, with the failures of the network as typed errors."""

from __future__ import annotations

import gzip
import ipaddress
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from converter.serving.client import errors, json_text
from converter.serving.status import HTTP_STATUS, Code

# The first code of the table with a status is what that status means to a client; proxies and load
# balancers say 502 of a server that is down.
_CODES = {status: code for code, status in reversed(HTTP_STATUS.items())} | {502: Code.UNAVAILABLE}
_EXCERPT = 80  # characters of a strange answer that are told


class Connection:
    """Asks below `url`; `asked` names what is asked for in messages."""

    def __init__(self, url: str, asked: str, timeout: float, *, compress: bool) -> None:
        self._url = url
        self._asked = asked
        self._timeout = timeout
        self._compress = compress
        self._session = requests.Session()
        # A proxy that the environment names does not lead to this machine's own ports.
        self._session.trust_env = not _on_loopback(url)

    def get(self, path: str) -> Any:
        """The JSON at `path`. Raises a ServingError."""
        return self.read(self._send("GET", path, None, {}))

    def post(self, path: str, body: bytes) -> requests.Response:
        """What answers the JSON `body`, not yet read. Raises a ServingError."""
        headers = {"Content-Type": "application/json"}
        if self._compress:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 1)
        return self._send("POST", path, body, headers)

    def close(self) -> None:
        """Give up the connection."""
        self._session.close()

    def unreadable(self, why: str) -> errors.AnswerUnreadable:
        """The error for an answer that is not what TensorFlow Serving says."""
        return errors.AnswerUnreadable(
            f"The answer cannot be read when asked for {self._asked}",
            why=why,
            fix="Check that it is the REST port of a TensorFlow Serving",
        )

    def _send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> requests.Response:
        try:
            try:
                return self._once(method, path, body, headers)
            except requests.ConnectionError as error:
                if not _is(error, ProtocolError):
                    raise
                # The server gave up the kept connection just now; a new one may do.
                return self._once(method, path, body, headers)
        except requests.RequestException as error:
            late = isinstance(error, requests.Timeout) or _is(error, ReadTimeoutError)
            cls = errors.ServerTimeout if late else errors.ServerUnavailable
            said = f"no answer within {self._timeout:g} s" if late else str(error)
            raise cls(
                f"The server cannot be reached when asked for {self._asked}", why=said
            ) from error

    def _once(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> requests.Response:
        return self._session.request(
            method,
            self._url + path,
            data=body,
            headers=headers,
            timeout=self._timeout,
            allow_redirects=False,
        )

    def read(self, reply: requests.Response) -> Any:
        """The JSON of an answer. Raises a ServingError."""
        try:
            value = json_text.parsed(reply.content)
        except ValueError:
            value = None
        if reply.status_code == requests.codes.ok:
            if isinstance(value, dict):
                return value
            raise self.unreadable(_excerpt(reply))
        code = _CODES.get(reply.status_code, Code.UNKNOWN)
        if isinstance(value, dict) and isinstance(value.get("error"), str):
            raise errors.said(code, value["error"], self._asked)
        if not reply.content or code is Code.UNAVAILABLE or code is Code.DEADLINE_EXCEEDED:
            raise errors.said(code, _excerpt(reply), self._asked)
        raise self.unreadable(_excerpt(reply))


def _is(error: requests.RequestException, kind: type[Exception]) -> bool:
    """Whether urllib3's own exception inside `error` is of this kind."""
    return bool(error.args) and isinstance(error.args[0], kind)


def _excerpt(reply: requests.Response) -> str:
    text = " ".join(reply.content[:1000].decode("utf-8", "replace").split())
    return f"HTTP {reply.status_code} {reply.reason}: {text[:_EXCERPT]}".rstrip(": ")


def _on_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
