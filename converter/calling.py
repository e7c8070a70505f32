"""Ask a served model: its metadata first, then one request, made up or given."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from converter.errors import UsageError
from converter.serving.client.contract import Client, ModelMetadata, Signature, TensorSpec
from converter.serving.client.grpc import GrpcClient
from converter.serving.client.rest import RestClient
from converter.serving.tensors import KINDS, name_of
from converter.verdict.samples import load_npz
from converter.wire.tensorflow_pb2 import DT_BOOL, DT_STRING

Arrays = dict[str, NDArray[Any]]

_URL = re.compile(
    r"(?P<server>(?P<scheme>https?|grpc)://[^/]+)(?:/v1/models)?/(?P<model>[^/:]+)"
    r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?(?::predict|/metadata)?/?"
)
_GRPC = "grpc://"
# Integers that are made up are ids, most often: small ones fit most vocabularies.
_LARGEST_ID = 9
# What stands for a size that is free, beside the batch.
_FREE_SIZE = 1
_SHOWN_VALUES = 8


@dataclass(frozen=True)
class Call:
    """What to send. batch: rows, where no inputs are given. outputs: which to ask for; all."""

    signature: str = "serving_default"
    inputs: Path | None = None
    outputs: tuple[str, ...] = ()
    batch: int = 1
    seed: int = 0


@dataclass
class Called:
    """A model's metadata, what was sent and what came back. seconds: of the request alone."""

    protocol: str
    metadata: ModelMetadata
    signature: str
    inputs: Arrays = field(default_factory=dict)
    outputs: Arrays = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Address:
    """Where a served model is: `server` with its scheme, and which version, by number or label."""

    server: str
    model: str
    version: int | None = None
    label: str | None = None

    @property
    def is_grpc(self) -> bool:
        """Whether it is the address of a gRPC server; of a REST server otherwise."""
        return self.server.startswith(_GRPC)

    @property
    def target(self) -> str:
        """The server as gRPC names it, HOST:PORT."""
        return self.server.removeprefix(_GRPC)


def address_of(url: str) -> Address:
    """What `url` says: http://HOST:PORT/v1/models/NAME[/versions/N], or grpc://HOST:PORT/NAME.

    Raises UsageError.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise UsageError(
            f"'{url}' is not the address of a served model",
            fix="Give http://HOST:PORT/v1/models/NAME or grpc://HOST:PORT/NAME",
        )
    return Address(
        match["server"],
        unquote(match["model"]),
        None if match["version"] is None else int(match["version"]),
        None if match["label"] is None else unquote(match["label"]),
    )


def client_for(url: str, *, row: bool, timeout: float) -> Client:
    """A client for `url`; see address_of. row: REST in row format. timeout: seconds.

    Raises UsageError.
    """
    at = address_of(url)
    chosen: dict[str, Any] = {"version": at.version, "label": at.label, "timeout": timeout}
    if at.is_grpc:
        return GrpcClient(at.target, at.model, **chosen)
    return RestClient(at.server, at.model, row=row, **chosen)


def call(client: Client, wanted: Call | None) -> Called:
    """Ask the metadata and, unless `wanted` is None, send one request.

    Raises ServingError, UsageError.
    """
    metadata = client.metadata()
    if wanted is None:
        return Called(client.protocol, metadata, "")
    if wanted.signature not in metadata.signatures:
        raise UsageError(
            f"The model has no signature '{wanted.signature}'",
            fix=f"It has: {', '.join(metadata.signatures) or 'none'}",
        )
    signature = metadata.signatures[wanted.signature]
    if wanted.inputs is not None:
        inputs = load_npz(wanted.inputs, tuple(signature.inputs), "inputs")
    else:
        inputs = made_up(signature, wanted.batch, wanted.seed)
    began = time.perf_counter()
    outputs = client.predict(inputs, wanted.signature, wanted.outputs)
    seconds = time.perf_counter() - began
    return Called(client.protocol, metadata, wanted.signature, inputs, outputs, seconds)


def made_up(signature: Signature, batch: int, seed: int) -> Arrays:
    """Random inputs of the signature's dtypes and shapes; the same for the same seed.

    Floats are in [0, 1), integers from 0 to 9, strings "text <n>". A first size that is free is
    `batch`, any other is 1.
    """
    random = np.random.default_rng(seed)
    return {
        key: _random(random, spec, _shape(spec, batch))
        for key, spec in signature.inputs.items()
        if key not in signature.defaults
    }


def _shape(spec: TensorSpec, batch: int) -> tuple[int, ...]:
    sizes = (None,) if spec.shape is None else spec.shape
    free = [batch, *[_FREE_SIZE] * len(sizes)]
    return tuple(free[i] if size is None else size for i, size in enumerate(sizes))


def _random(random: np.random.Generator, spec: TensorSpec, shape: tuple[int, ...]) -> NDArray[Any]:
    if spec.dtype == DT_STRING:
        texts = np.array([b"text %d" % n for n in range(int(np.prod(shape)))], object)
        return texts.reshape(shape)
    if spec.dtype == DT_BOOL:
        return random.integers(0, 2, shape).astype(bool)
    if spec.dtype not in KINDS:
        raise UsageError(f"No {name_of(spec.dtype)} can be made up", fix="Give --inputs F.npz")
    kind = KINDS[spec.dtype].numpy.kind
    if kind in "iu" and "int" in name_of(spec.dtype):
        return random.integers(0, _LARGEST_ID, shape, endpoint=True)
    return random.random(shape)


def save(arrays: Arrays, path: Path) -> None:
    """Write arrays to an .npz file that can be read without pickles. Raises UsageError."""
    plain = {key: a.astype("S") if a.dtype.kind == "O" else a for key, a in arrays.items()}
    try:
        with path.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **plain)
    except OSError as error:
        raise UsageError(f"{path} cannot be written", why=str(error.strerror)) from error


def lines(called: Called) -> Iterator[str]:
    """The call for people."""
    metadata = called.metadata
    yield f"model {metadata.name}, version {metadata.version}, over {called.protocol}"
    for name, signature in metadata.signatures.items():
        yield f"signature {name} ({signature.method_name or 'no method'})"
        yield from (f"  in   {key}: {_spec_text(spec)}" for key, spec in signature.inputs.items())
        yield from (f"  out  {key}: {_spec_text(spec)}" for key, spec in signature.outputs.items())
    if called.signature:
        yield f"asked {called.signature}, {called.seconds * 1000:.1f} ms"
        yield from _arrays("sent", called.inputs)
        yield from _arrays("got", called.outputs)


def as_dict(called: Called) -> dict[str, Any]:
    """The call as a JSON document, schema `convert-h5/call/1`."""
    metadata = called.metadata
    document: dict[str, Any] = {
        "schema": "convert-h5/call/1",
        "protocol": called.protocol,
        "model": metadata.name,
        "version": metadata.version,
        "signatures": {
            name: {
                "method_name": signature.method_name,
                "inputs": _specs(signature.inputs),
                "outputs": _specs(signature.outputs),
            }
            for name, signature in metadata.signatures.items()
        },
    }
    if called.signature:
        document["signature"] = called.signature
        document["seconds"] = called.seconds
        document["inputs"] = {key: _plain(array) for key, array in called.inputs.items()}
        document["outputs"] = {key: _plain(array) for key, array in called.outputs.items()}
    return document


def _arrays(what: str, arrays: Arrays) -> Iterator[str]:
    for key, array in arrays.items():
        shown = json.dumps(_plain(array.ravel()[:_SHOWN_VALUES]), ensure_ascii=False)
        more = "" if array.size <= _SHOWN_VALUES else f" and {array.size - _SHOWN_VALUES} more"
        yield f"  {what:4} {key}: {array.dtype} {list(array.shape)} {shown}{more}"


def _specs(specs: Mapping[str, TensorSpec]) -> dict[str, dict[str, Any]]:
    return {
        key: {"dtype": name_of(spec.dtype), "shape": _listed(spec.shape)}
        for key, spec in specs.items()
    }


def _listed(shape: tuple[int | None, ...] | None) -> list[int | None] | None:
    return None if shape is None else list(shape)


def _spec_text(spec: TensorSpec) -> str:
    if spec.shape is None:
        return f"{name_of(spec.dtype)}, any shape"
    return f"{name_of(spec.dtype)} [{', '.join('?' if d is None else str(d) for d in spec.shape)}]"


def _plain(array: NDArray[Any]) -> Any:
    """Nested lists of what JSON has; other bytes and numbers beyond it are texts."""
    if array.dtype.kind == "O":
        return np.vectorize(lambda b: b.decode("utf-8", "backslashreplace"), otypes=[object])(
            array
        ).tolist()
    if array.dtype.kind == "c" or (array.dtype.kind == "f" and not np.isfinite(array).all()):
        return array.astype(str).tolist()
    return array.tolist()
