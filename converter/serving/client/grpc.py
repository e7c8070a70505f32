"""Ask a served model over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import grpc
import numpy as np
from google.protobuf.message import DecodeError, Message
from numpy.typing import NDArray

from converter.serving.client import casting, errors
from converter.serving.client.base import BaseClient
from converter.serving.client.contract import (
    SERVING_DEFAULT,
    Inputs,
    ModelMetadata,
    Outputs,
    VersionStatus,
    model_metadata,
    version_statuses,
)
from converter.serving.status import Code, StatusError
from converter.serving.tensors import as_entry, from_proto, to_proto
from converter.wire import apis_pb2 as apis
from converter.wire.tensorflow_pb2 import TensorProto

PREDICTION = "/tensorflow.serving.PredictionService/"
MODEL = "/tensorflow.serving.ModelService/"
# gRPC's own default would refuse a reply of more than 4 MiB.
UNLIMITED = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))

_INPUTS = apis.PredictRequest.DESCRIPTOR.fields_by_name["inputs"].number

Reply = TypeVar("Reply", bound=Message)


class GrpcClient(BaseClient):
    """One model of the server at `address` ("host:port" or "unix:/path").

    `version` or `label` chooses a version; without either it is the server's latest. `timeout` is
    the deadline of each call in seconds. Requests hold tensors as `tensor_content`, or with `typed`
    in the typed fields (`float_val` …). With `credentials` the connection is TLS.
    """

    protocol = "grpc"

    def __init__(
        self,
        address: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 60.0,
        typed: bool = False,
        credentials: grpc.ChannelCredentials | None = None,
        options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        super().__init__()
        if version is not None and label is not None:
            raise ValueError("a version or a label, not both")
        self._address = address
        self._model = model
        self._spec = _spec(model, version, label)
        self._timeout = timeout
        self._typed = typed
        options = [*UNLIMITED, *options]
        if credentials is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, credentials, options)
        self._calls: dict[str, Callable[..., bytes]] = {
            path: self._channel.unary_unary(path)
            for path in (
                PREDICTION + "Predict",
                PREDICTION + "GetModelMetadata",
                MODEL + "GetModelStatus",
            )
        }

    def status(self) -> tuple[VersionStatus, ...]:
        """Every version the server knows of, or the one this client is for."""
        request = apis.GetModelStatusRequest(model_spec=self._spec)
        reply = self._call(MODEL + "GetModelStatus", request, apis.GetModelStatusResponse)
        return version_statuses(reply)

    def _ask_metadata(self) -> ModelMetadata:
        request = apis.GetModelMetadataRequest(
            model_spec=self._spec, metadata_field=["signature_def"]
        )
        reply = self._call(PREDICTION + "GetModelMetadata", request, apis.GetModelMetadataResponse)
        # The Any names tensorflow.serving.SignatureDefMap, which we have under another package.
        packed = reply.metadata["signature_def"].value
        return model_metadata(reply.model_spec, self._parsed(apis.SignatureDefMap, packed))

    def predict(
        self, inputs: Inputs, signature: str = SERVING_DEFAULT, outputs: Sequence[str] = ()
    ) -> Outputs:
        """The outputs for `inputs`, as Client.predict says."""
        request = self.encode(inputs, signature, outputs)
        return self.decode(self.send(request), signature, outputs)

    def encode(
        self, inputs: Inputs, signature: str = SERVING_DEFAULT, outputs: Sequence[str] = ()
    ) -> bytes:
        """The PredictRequest that asks `inputs`, serialised."""
        known = casting.signature_of(self.metadata(), signature)
        casting.check_outputs(known, outputs)
        request = apis.PredictRequest(model_spec=self._spec, output_filter=outputs)
        request.model_spec.signature_name = signature
        tensors = casting.tensors_for(known, inputs)
        if self._typed:
            for name, tensor in tensors.items():
                to_proto(tensor, request.inputs[name], content=False)
            return request.SerializeToString()
        pieces: list[bytes | memoryview] = [request.SerializeToString()]
        for name, tensor in tensors.items():
            pieces += as_entry(tensor, name, _INPUTS)
        return b"".join(pieces)

    def send(self, request: bytes) -> bytes:
        """The serialised PredictResponse to what `encode` gave."""
        try:
            return self._send(PREDICTION + "Predict", request)
        except errors.RequestRefused:
            self._forget()
            raise

    def decode(
        self, answer: bytes, signature: str = SERVING_DEFAULT, outputs: Sequence[str] = ()
    ) -> Outputs:
        """The outputs in what `send` gave."""
        reply = self._parsed(apis.PredictResponse, answer)
        wanted = outputs or sorted(reply.outputs)
        missing = set(outputs) - set(reply.outputs) if outputs else None
        if missing:
            raise errors.AnswerUnreadable(f"The answer has no output {', '.join(sorted(missing))}")
        return {name: self._array(name, reply.outputs[name]) for name in wanted}

    def _array(self, name: str, proto: TensorProto) -> NDArray[Any]:
        try:
            values = from_proto(proto, name).values()
        except StatusError as error:
            raise errors.AnswerUnreadable(
                f"Output '{name}' is not a tensor", why=error.message
            ) from error
        return values if values.flags.writeable else np.array(values)

    def _call(self, path: str, request: Message, reply: type[Reply]) -> Reply:
        return self._parsed(reply, self._send(path, request.SerializeToString()))

    def _send(self, path: str, request: bytes) -> bytes:
        try:
            return self._calls[path](request, timeout=self._timeout)
        except grpc.RpcError as error:
            if isinstance(error, grpc.Call):
                code = Code[error.code().name]
                asked = f"model '{self._model}' at {self._address}"
                raise errors.said(code, error.details() or "", asked) from error
            raise

    def _parsed(self, cls: type[Reply], raw: bytes) -> Reply:
        try:
            return cls.FromString(raw)
        except DecodeError as error:
            raise errors.AnswerUnreadable(
                f"{self._address} answered with something that is no {cls.DESCRIPTOR.name}",
                fix="Check that it is the gRPC port of a TensorFlow Serving",
            ) from error

    def close(self) -> None:
        """Give up the connection."""
        self._channel.close()


def _spec(model: str, version: int | None, label: str | None) -> apis.ModelSpec:
    spec = apis.ModelSpec(name=model)
    if version is not None:
        spec.version.value = version
    if label is not None:
        spec.version_label = label
    return spec
