"""What every client does, and what a served model says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import ArrayLike, NDArray

from converter.serving.status import Code
from converter.wire.apis_pb2 import (
    GetModelStatusResponse,
    ModelSpec,
    ModelVersionStatus,
    SignatureDefMap,
)
from converter.wire.tensorflow_pb2 import SignatureDef, TensorInfo

SERVING_DEFAULT = "serving_default"

# What `predict` takes: arrays by input name, or one array where there is one input.
Inputs = Mapping[str, ArrayLike] | ArrayLike
Outputs = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class VersionStatus:
    """One version of a model: its state as TensorFlow Serving names it, and its error if any."""

    version: int
    state: str
    error_code: Code
    error_message: str


@dataclass(frozen=True)
class TensorSpec:
    """An input or output: DataType number, and sizes with None where free; None for any rank."""

    dtype: int
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs by name; those of `defaults` may be left out over gRPC."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method_name: str
    defaults: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ModelMetadata:
    """A served model: its name, the version that answered, its signatures by name."""

    name: str
    version: int
    signatures: Mapping[str, Signature]


class Client(Protocol):
    """A way to ask one model of one server; a context manager.

    Every call raises a ServingError (converter.serving.client.errors).
    """

    protocol: str

    def status(self) -> tuple[VersionStatus, ...]:
        """Every version the server knows of, or the one this client is for."""
        ...

    def metadata(self) -> ModelMetadata:
        """The model's signatures, asked once."""
        ...

    def predict(
        self, inputs: Inputs, signature: str = SERVING_DEFAULT, outputs: Sequence[str] = ()
    ) -> Outputs:
        """The outputs for `inputs`: all of them, or those that `outputs` names.

        Inputs are brought to the signature's dtypes where nothing but the precision of floats is
        lost. Outputs have the signature's dtypes: strings as bytes, bfloat16 as float32.
        """
        ...

    # `predict` in its three parts, for who wants to time them or to send a request again.

    def encode(
        self, inputs: Inputs, signature: str = SERVING_DEFAULT, outputs: Sequence[str] = ()
    ) -> bytes:
        """The body of the request that asks `inputs`."""
        ...

    def send(self, request: bytes) -> Any:
        """What answers a body that `encode` gave, not yet read."""
        ...

    def decode(
        self, answer: Any, signature: str = SERVING_DEFAULT, outputs: Sequence[str] = ()
    ) -> Outputs:
        """The outputs in what `send` gave."""
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...

    def __enter__(self) -> Client: ...

    def __exit__(self, *_: object) -> None: ...


def version_statuses(reply: GetModelStatusResponse) -> tuple[VersionStatus, ...]:
    """What a status reply says."""
    return tuple(
        VersionStatus(
            one.version,
            ModelVersionStatus.State.Name(one.state),
            Code(one.status.error_code),
            one.status.error_message,
        )
        for one in reply.model_version_status
    )


def model_metadata(spec: ModelSpec, signatures: SignatureDefMap) -> ModelMetadata:
    """What a metadata reply says."""
    held = {name: _signature(one) for name, one in sorted(signatures.signature_def.items())}
    return ModelMetadata(spec.name, spec.version.value, held)


def _signature(proto: SignatureDef) -> Signature:
    return Signature(
        {key: _spec(info) for key, info in sorted(proto.inputs.items())},
        {key: _spec(info) for key, info in sorted(proto.outputs.items())},
        proto.method_name,
        frozenset(proto.defaults),
    )


def _spec(info: TensorInfo) -> TensorSpec:
    if info.tensor_shape.unknown_rank:
        return TensorSpec(info.dtype, None)
    sizes = (dim.size for dim in info.tensor_shape.dim)
    return TensorSpec(info.dtype, tuple(None if size < 0 else size for size in sizes))
