"""The gRPC side: PredictionService, ModelService and the standard health service.

Requests come as raw bytes and are parsed here, so that the paths stay TensorFlow Serving's while
the messages live in a package of our own. What a method is and answers is a table.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError, Message

from converter.serving import large, tensors
from converter.serving.server import config, inference
from converter.serving.server.core import Core
from converter.serving.server.manager import Version
from converter.serving.status import Code, StatusError
from converter.wire import apis_pb2 as apis
from converter.wire import health_pb2 as health

log = logging.getLogger(__name__)

# Longer error texts are cut, as by TensorFlow Serving (model_servers/grpc_status_util.cc).
ERROR_LIMIT = 1024
# Requests that may wait for a thread at once; gRPC answers RESOURCE_EXHAUSTED beyond.
WAITING = 1024

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_SIGNATURE_DEF = "signature_def"
_SIGNATURE_DEF_TYPE = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
_HEALTHY = ("", "ModelService", "PredictionService")

Parse = Callable[[bytes], Any]
Handler = Callable[[Any, "Deadline"], Message]


class Deadline:
    """How long the caller still waits."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def seconds(self) -> float | None:
        """Seconds left; None without a deadline."""
        left: float | None = self._context.time_remaining()
        return None if left is None or left > 1e9 else max(left, 0.001)

    def waiting(self) -> bool:
        """Whether the call is still open."""
        return bool(self._context.is_active())


class Services(grpc.GenericRpcHandler):
    """Every method of the server, by its full path."""

    def __init__(self, core: Core, *, with_health: bool) -> None:
        self._core = core
        prediction = "/tensorflow.serving.PredictionService/"
        model = "/tensorflow.serving.ModelService/"
        # Paths, the messages they take, and who answers.
        methods: dict[str, tuple[type[Message], Handler]] = {
            prediction + "Classify": (apis.ClassificationRequest, self._classify),
            prediction + "Regress": (apis.RegressionRequest, self._regress),
            prediction + "MultiInference": (apis.MultiInferenceRequest, self._multi),
            prediction + "GetModelMetadata": (apis.GetModelMetadataRequest, self._metadata),
            model + "GetModelStatus": (apis.GetModelStatusRequest, self._status),
            model + "HandleReloadConfigRequest": (apis.ReloadConfigRequest, self._reload),
        }
        if with_health:
            methods["/grpc.health.v1.Health/Check"] = (health.HealthCheckRequest, self._health)
        self._methods: dict[str, tuple[Parse, Handler]] = {
            path: (message.FromString, handler) for path, (message, handler) in methods.items()
        }
        self._methods[prediction + "Predict"] = (large.parse, self._predict)

    def service(
        self, details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a path, or None (UNIMPLEMENTED)."""
        if details.method not in self._methods:
            return None
        parse, handler = self._methods[details.method]

        def answer(data: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                request = parse(data)
            except DecodeError:
                _abort(context, Code.INTERNAL, "")
            try:
                return handler(request, Deadline(context)).SerializeToString()
            except StatusError as error:
                _abort(context, error.code, error.message)
            except Exception as error:  # a defect: the client gets an answer, the log the trace
                log.exception("%s failed", details.method)
                _abort(context, Code.INTERNAL, f"Internal error: {type(error).__name__}")

        return grpc.unary_unary_rpc_method_handler(answer)

    def _predict(self, parsed: large.Parsed, deadline: Deadline) -> Message:
        request, contents = parsed
        name = request.model_spec.signature_name or inference.SERVING_DEFAULT
        with self._core.asked(request, "Predict") as (number, servable):
            outputs = inference.predict(
                servable,
                name,
                inference.TensorProtos(request.inputs, contents),
                request.output_filter,
                self._core.call(request.model_spec.name, "Predict", deadline.seconds()),
            )
            reply = apis.PredictResponse()
            for alias, tensor in outputs.items():
                tensors.to_proto(tensor, reply.outputs[alias], content=False)
        _resolved(reply.model_spec, request.model_spec.name, number, name)
        return reply

    def _classify(self, request: apis.ClassificationRequest, deadline: Deadline) -> Message:
        name = request.model_spec.signature_name or inference.SERVING_DEFAULT
        reply = apis.ClassificationResponse()
        with self._core.asked(request, "Classify") as (number, servable):
            call = self._core.call(request.model_spec.name, "Classify", deadline.seconds())
            reply.result.CopyFrom(inference.classify(servable, name, request.input, call))
        _resolved(reply.model_spec, request.model_spec.name, number, name)
        return reply

    def _regress(self, request: apis.RegressionRequest, deadline: Deadline) -> Message:
        name = request.model_spec.signature_name or inference.SERVING_DEFAULT
        reply = apis.RegressionResponse()
        with self._core.asked(request, "Regress") as (number, servable):
            call = self._core.call(request.model_spec.name, "Regress", deadline.seconds())
            reply.result.CopyFrom(inference.regress(servable, name, request.input, call))
        _resolved(reply.model_spec, request.model_spec.name, number, name)
        return reply

    def _multi(self, request: apis.MultiInferenceRequest, deadline: Deadline) -> Message:
        if not request.tasks:
            raise StatusError(Code.INVALID_ARGUMENT, "Inference request must contain a task.")
        names = {task.model_spec.name for task in request.tasks}
        reply = apis.MultiInferenceResponse()
        with self._core.asked(request.tasks[0], "MultiInference") as (number, servable):
            if len(names) > 1:
                raise StatusError(
                    Code.INVALID_ARGUMENT,
                    "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
                )
            name = request.tasks[0].model_spec.name
            call = self._core.call(name, "MultiInference", deadline.seconds())
            results = inference.multi(servable, request.tasks, request.input, call)
        for task, result in zip(request.tasks, results, strict=True):
            added = reply.results.add()
            spec = task.model_spec
            name = spec.signature_name or inference.SERVING_DEFAULT
            _resolved(added.model_spec, spec.name, number, name)
            if isinstance(result, apis.ClassificationResult):
                added.classification_result.CopyFrom(result)
            else:
                added.regression_result.CopyFrom(result)
        return reply

    def _metadata(self, request: apis.GetModelMetadataRequest, deadline: Deadline) -> Message:
        if not request.HasField("model_spec"):
            raise StatusError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
        if not request.metadata_field:
            raise StatusError(
                Code.INVALID_ARGUMENT,
                "GetModelMetadataRequest must specify at least one metadata_field",
            )
        for field in request.metadata_field:
            if field != _SIGNATURE_DEF:
                raise StatusError(Code.INVALID_ARGUMENT, f"Metadata field {field} is not supported")
        reply = apis.GetModelMetadataResponse()
        with self._core.leased(request.model_spec) as (number, servable):
            found = apis.SignatureDefMap(signature_def=servable.signatures)
        reply.metadata[_SIGNATURE_DEF].type_url = _SIGNATURE_DEF_TYPE
        reply.metadata[_SIGNATURE_DEF].value = found.SerializeToString()
        _resolved(reply.model_spec, request.model_spec.name, number, "")
        return reply

    def _status(self, request: apis.GetModelStatusRequest, deadline: Deadline) -> Message:
        if not request.HasField("model_spec"):
            raise StatusError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
        spec = request.model_spec
        number = spec.version.value if spec.HasField("version") else None
        return status_reply(self._core.manager.status(spec.name, number))

    def _reload(self, request: apis.ReloadConfigRequest, deadline: Deadline) -> Message:
        models = config.of_proto(request.config)
        self._core.manager.reload(models, deadline.waiting)
        reply = apis.ReloadConfigResponse()
        reply.status.SetInParent()
        return reply

    def _health(self, request: health.HealthCheckRequest, deadline: Deadline) -> Message:
        if request.service not in _HEALTHY:
            raise StatusError(Code.NOT_FOUND, "service name unknown")
        return health.HealthCheckResponse(status=health.HealthCheckResponse.SERVING)


def status_reply(versions: list[Version]) -> apis.GetModelStatusResponse:
    """The states of a model's versions as a message."""
    reply = apis.GetModelStatusResponse()
    for version in versions:
        added = reply.model_version_status.add(version=version.number, state=version.state.value)
        added.status.SetInParent()
        if version.error is not None:
            code, message = version.error.code.name, version.error.message
            added.status.CopyFrom(apis.StatusProto(error_code=code, error_message=message))
    return reply


@dataclass(frozen=True)
class Address:
    """`host:port` (port 0 for any) or `unix:path`, and the keys to use there."""

    target: str
    tls: config.Tls | None


def start(
    core: Core,
    addresses: Sequence[Address],
    *,
    threads: int,
    with_health: bool,
    options: list[tuple[str, Any]],
) -> tuple[grpc.Server, list[int]]:
    """A running gRPC server and the ports it got, in the order of `addresses`.

    options: gRPC channel arguments. Raises StatusError when an address cannot be bound.
    """
    server = grpc.server(
        ThreadPoolExecutor(threads, thread_name_prefix="grpc"),
        handlers=[Services(core, with_health=with_health)],
        options=[
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # two servers on one port would share its requests
            *options,
        ],
        maximum_concurrent_rpcs=WAITING,
    )
    try:
        ports = [_bind(server, address) for address in addresses]
    except RuntimeError as error:
        log.error("%s", error)
        raise StatusError(Code.INVALID_ARGUMENT, "Failed to BuildAndStart gRPC server") from error
    server.start()
    return server, ports


def _bind(server: grpc.Server, address: Address) -> int:
    if address.tls is None:
        return int(server.add_insecure_port(address.target))
    tls = address.tls
    credentials = grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)], tls.client_ca or None, tls.verify_client
    )
    return int(server.add_secure_port(address.target, credentials))


def _resolved(spec: apis.ModelSpec, name: str, number: int, signature_name: str) -> None:
    spec.name = name
    spec.version.value = number
    spec.signature_name = signature_name


def _abort(context: grpc.ServicerContext, code: Code, message: str) -> NoReturn:
    if len(message) > ERROR_LIMIT:
        message = message[:ERROR_LIMIT] + "...TRUNCATED"
    # Not all texts are UTF-8, and a message is bytes to gRPC itself.
    context.abort(_CODES[code], message.encode("utf-8", "surrogateescape"))  # type: ignore[arg-type]
    raise AssertionError("abort() raises")
