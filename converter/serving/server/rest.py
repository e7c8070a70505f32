"""The REST side: paths and methods, what they ask, and what they get; no sockets here.

Paths and texts are TensorFlow Serving's (model_servers/http_rest_api_handler.cc, http_server.cc)
and those of the HTTP library below it, as recorded of 2.15.1.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from converter.serving.server import inference, json_reply, json_request, metrics
from converter.serving.server.core import Core
from converter.serving.server.rpc import status_reply
from converter.serving.server.servable import Servable
from converter.serving.status import HTTP_STATUS, Code, StatusError
from converter.wire.apis_pb2 import Input
from converter.wire.tensorflow_pb2 import TensorInfo

JSON = "application/json"
_NO_PAGE = "text/html; charset=ISO-8859-1"
INFLATED_LIMIT = 100 * 1024 * 1024

_VERSION_OR_LABEL = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_ASK = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_VERSION_OR_LABEL}:(?P<method>classify|regress|predict)", re.I
)
_TELL = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION_OR_LABEL}(?:/(?P<what>metadata))?", re.I
)
_API = re.compile(r"/v1/.*", re.I | re.S)
# What a request line may hold; the HTTP library refuses the rest before it looks at paths.
_TARGET = re.compile(rb"(?:[!-$&-~]|%[0-9A-Fa-f]{2})+")
_ABSOLUTE = re.compile(rb"https?://[^/]*", re.I)
_LONGEST_VERSION = len(str(2**63))
_METHODS = frozenset(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])


@dataclass(frozen=True)
class Request:
    """A request as it came: target is what stands on the request line, header names are lower."""

    method: str
    target: bytes
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """What to answer. `close`: the connection ends after it."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    close: bool = False


@dataclass(frozen=True)
class Rest:
    """The REST side of a server.

    timeout: seconds a request may take. metrics_path: where Prometheus asks, or empty. cors:
    whether browsers on other sites may ask.
    """

    core: Core
    timeout: float
    metrics_path: str = ""
    cors: bool = False
    _handlers: Mapping[str, Callable[..., bytes]] = field(init=False)

    def __post_init__(self) -> None:
        handlers = {
            "predict": self._predict,
            "classify": self._classify,
            "regress": self._regress,
        }
        object.__setattr__(self, "_handlers", handlers)

    def answer(self, request: Request) -> Response:
        """The answer to any request; expected failures are answers too."""
        target = _ABSOLUTE.sub(b"", request.target, count=1)
        # A request for a whole URL is one for a proxy: the connection ends after the answer.
        close = target != request.target
        if request.method not in _METHODS:
            return page(501, "Not Implemented")
        if not _TARGET.fullmatch(target):
            return page(400, "Bad Request")
        path = target.decode("ascii")
        if self.metrics_path and path.partition("?")[0] == self.metrics_path:
            return self._metrics(path)
        if not _API.fullmatch(path):
            return page(404, "Not Found")
        if request.method == "OPTIONS":
            return self._options(request)
        try:
            response = self._dispatch(request, path)
        except StatusError as error:
            body = json_reply.error_body(error.message) if error.message else b""
            response = Response(HTTP_STATUS[error.code], JSON, body)
        headers = _CORS if self.cors else ()
        return Response(response.status, response.content_type, response.body, headers, close)

    def _dispatch(self, request: Request, path: str) -> Response:
        asked = _ASK.fullmatch(path)
        if request.method == "POST" and asked and asked["method"] in self._handlers:
            name, number, label = _names(asked)
            body = self._handlers[asked["method"]](_inflated(request), name, number, label)
            return Response(200, JSON, body)
        told = _TELL.fullmatch(path)
        if request.method == "GET" and told:
            if told["name"] is None:
                raise StatusError(Code.INVALID_ARGUMENT, "Missing model name in request.")
            name, number, label = _names(told)
            if told["what"] == "metadata":
                return Response(200, JSON, self._metadata(name, number, label))
            # A label is not looked at: the states of all versions are told.
            versions = self.core.manager.status(name, number)
            return Response(200, JSON, json_reply.status_reply(status_reply(versions)))
        raise StatusError(Code.INVALID_ARGUMENT, f"Malformed request: {request.method} {path}")

    def _predict(self, body: bytes, name: str, number: int | None, label: str | None) -> bytes:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.core.counted(name, "Predict", "REST"))
            leased: list[Servable] = []

            def inputs_of(signature_name: str) -> Mapping[str, TensorInfo]:
                # Only now: a body that is no JSON is told before an unknown model is.
                _, servable = stack.enter_context(self.core.manager.lease(name, number, label))
                leased.append(servable)
                return _inputs(servable, signature_name)

            call = json_request.predict(body, inputs_of)
            how = self.core.call(name, "Predict", self.timeout)
            outputs = inference.predict(leased[0], call.signature_name, call.inputs, (), how)
            return json_reply.predict_reply(call.row, outputs)

    def _classify(self, body: bytes, name: str, number: int | None, label: str | None) -> bytes:
        with self._examples(body, name, number, label, "Classify") as (servable, signature, given):
            how = self.core.call(name, "Classify", self.timeout)
            return json_reply.classify_reply(inference.classify(servable, signature, given, how))

    def _regress(self, body: bytes, name: str, number: int | None, label: str | None) -> bytes:
        with self._examples(body, name, number, label, "Regress") as (servable, signature, given):
            how = self.core.call(name, "Regress", self.timeout)
            return json_reply.regress_reply(inference.regress(servable, signature, given, how))

    @contextlib.contextmanager
    def _examples(
        self, body: bytes, name: str, number: int | None, label: str | None, api: str
    ) -> Iterator[tuple[Servable, str, Input]]:
        with self.core.counted(name, api, "REST"):
            call = json_request.classify_or_regress(body)
            given = Input()
            if call.context is None:
                given.example_list.examples.extend(call.examples)
            else:
                given.example_list_with_context.context.CopyFrom(call.context)
                given.example_list_with_context.examples.extend(call.examples)
            with self.core.manager.lease(name, number, label) as (_, servable):
                yield servable, call.signature_name, given

    def _metadata(self, name: str, number: int | None, label: str | None) -> bytes:
        with self.core.manager.lease(name, number, label) as (found, servable):
            return json_reply.metadata_reply(name, found, servable.signatures)

    def _metrics(self, path: str) -> Response:
        if path != self.metrics_path:
            said = f"Unexpected path: {path}. Should be {self.metrics_path}"
            return Response(400, metrics.CONTENT_TYPE, said.encode())
        return Response(200, metrics.CONTENT_TYPE, self.core.metrics.render().encode())

    def _options(self, request: Request) -> Response:
        origin = request.headers.get("origin", "")
        fine = origin.startswith(("http://", "https://"))
        headers = _CORS if self.cors and fine else ()
        return Response(200 if fine else 400, _NO_PAGE, b"", headers)


_CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "Content-Type, Content-Encoding"),
)


def page(status: int, title: str) -> Response:
    """The HTML page of the HTTP library; the connection ends with it."""
    body = (
        f"<HTML><HEAD>\n<TITLE>{status} {title}</TITLE>\n</HEAD><BODY>\n"
        f"<H1>{title}</H1>\n</BODY></HTML>\n"
    )
    return Response(status, "text/html", body.encode(), close=True)


def _names(match: re.Match[str]) -> tuple[str, int | None, str | None]:
    """(model, version, label) of a path. Raises StatusError for a version beyond int64."""
    digits = (match["version"] or "").lstrip("0")
    if len(digits) > _LONGEST_VERSION or int(digits or 0) >= 2**63:
        raise StatusError(Code.INVALID_ARGUMENT, "")  # recorded: 400 with an empty body
    version = None if match["version"] is None else int(digits or 0)
    label = None if match["label"] is None else _decoded(match["label"])
    return _decoded(match["name"]), version, label


def _decoded(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def _inputs(servable: Servable, signature_name: str) -> Mapping[str, TensorInfo]:
    """The inputs of a signature by alias. Raises StatusError."""
    if signature_name not in servable.signatures:
        raise StatusError(
            Code.INVALID_ARGUMENT,
            f'Serving signature name: "{signature_name}" not found in signature def',
        )
    inputs: Mapping[str, TensorInfo] = servable.signatures[signature_name].inputs
    if not inputs:
        raise StatusError(
            Code.INVALID_ARGUMENT, f"Failed to get input map for signature: {signature_name}"
        )
    return inputs


def _inflated(request: Request) -> bytes:
    """The body; nothing at all where it claims to be gzip and is not one whole member."""
    if "gzip" not in request.headers.get("content-encoding", ""):
        return request.body
    inflater = zlib.decompressobj(wbits=31)
    try:
        body = inflater.decompress(request.body, INFLATED_LIMIT)
    except zlib.error:
        return b""
    whole = inflater.eof and not inflater.unused_data and not inflater.unconsumed_tail
    return body if whole else b""
