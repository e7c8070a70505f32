"""Recorded requests as calls of a client: what one would have to be asked to send the same."""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from google.protobuf import text_format
from numpy.typing import NDArray

from converter.serving.client.contract import Signature, model_metadata
from converter.serving.status import StatusError
from converter.serving.tensors import KINDS, from_proto
from converter.wire.apis_pb2 import ModelSpec, PredictRequest, SignatureDefMap
from converter.wire.config_pb2 import ModelServerConfig
from converter.wire.tensorflow_pb2 import DataType
from testing import golden, saved

# The configurations that name their model by flags.
BY_FLAGS = {
    "single": {"default": "scale"},
    "cors": {"scale": "scale"},
    "timeout": {"fails": "fails"},
    "reload": {"scale": "scale", "more": "scale"},
}
PATH = re.compile(
    r"/v1/models/(?P<model>[^/:?#]+)(/versions/(?P<version>\d+)|/labels/(?P<label>[^/:?#]+))?"
    r"(?P<what>:predict|/metadata|)"
)


@dataclass(frozen=True)
class Address:
    """What a path or a ModelSpec names."""

    model: str
    version: int | None
    label: str | None


@dataclass(frozen=True)
class Call:
    """A call of `predict`."""

    address: Address
    signature: str
    inputs: dict[str, NDArray[Any]]
    outputs: tuple[str, ...] = ()
    row: bool = False


def body(side: dict[str, Any]) -> bytes:
    """The body or message of a recorded request or reply."""
    for key in ("body_base64", "message_base64"):
        if key in side:
            return base64.b64decode(side[key])
    return str(side.get("body", "")).encode()


def signatures_of(config: str, model: str) -> SignatureDefMap | None:
    """The signatures of a model that this configuration serves."""
    folder = _folders(config).get(model)
    versions = sorted(folder.glob("[0-9]*"), key=lambda path: int(path.name)) if folder else []
    return saved.signatures(versions[0]) if versions else None


def known(signatures: SignatureDefMap) -> dict[str, Signature]:
    """The same as the clients hold them."""
    return dict(model_metadata(ModelSpec(), signatures).signatures)


@functools.cache
def _folders(config: str) -> dict[str, Path]:
    config = config.replace("methodcheck", "main")
    for flags, models in BY_FLAGS.items():
        if config.startswith(flags):
            return {name: golden.MODELS / folder for name, folder in models.items()}
    text = (golden.FOLDER / "configs" / f"{config}.models.config").read_text()
    parsed = text_format.Parse(text, ModelServerConfig())
    return {
        one.name: golden.MODELS / Path(one.base_path).name
        for one in parsed.model_config_list.config
    }


def address(path: str, what: str) -> Address | None:
    """What a REST path names, where it is a plain one that asks for `what`."""
    found = PATH.fullmatch(path)
    if not found or found["what"] != what or "%zz" in path:
        return None
    version = int(found["version"]) if found["version"] else None
    if version is not None and version > 2**63 - 1:
        return None
    return Address(unquote(found["model"]), version, found["label"] and unquote(found["label"]))


def of_rest(record: golden.Record) -> Call | None:
    """The call for a recorded REST request; None where no call would send such a thing."""
    request = record.request
    named = address(request["path"], ":predict")
    if request["method"] != "POST" or named is None or "gzip" in str(request["headers"]).lower():
        return None
    signatures = signatures_of(record.config, named.model)
    meant = meaning(body(request), known(signatures)) if signatures is not None else None
    if meant is None:
        return None
    signature, row, inputs = meant
    return Call(named, signature, inputs, row=row)


def meaning(
    text: bytes, signatures: dict[str, Signature]
) -> tuple[str, bool, dict[str, NDArray[Any]]] | None:
    """Signature, format and inputs of a predict request; None where it is not a proper one."""
    try:
        request = json.loads(text.decode("utf-8", "surrogateescape"), strict=False)
        name = request.get("signature_name", "serving_default")
        values = [request[key] for key in ("instances", "inputs") if key in request]
        signature = signatures[name]
        (value,) = values
        row = "instances" in request
        columns = _columns(value, list(signature.inputs), row=row)
        return (
            name,
            row,
            {key: array(columns[key], spec.dtype) for key, spec in signature.inputs.items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None


def _columns(value: Any, names: list[str], *, row: bool) -> dict[str, Any]:
    if row and (not isinstance(value, list) or not value):
        raise ValueError("no rows")
    items = value if row else [value]
    if all(isinstance(item, dict) and sorted(item) == names for item in items):
        return {name: [item[name] for item in items] if row else value[name] for name in names}
    (name,) = names
    return {name: value}


def array(value: Any, dtype: int) -> NDArray[Any]:
    """Nested lists as an array of a DataType. Raises ValueError where they are not of it."""
    kind = KINDS[dtype].numpy
    if dtype == DataType.DT_STRING:
        held = np.vectorize(_text, otypes=[object])(_nested(value)) if value != [] else value
        return np.array(held, object)
    allowed = {"f": (int, float), "c": (int, float), "b": (bool,)}.get(kind.kind, (int,))
    for item in _nested(value).flat:
        if not isinstance(item, allowed) or (isinstance(item, bool) and kind.kind != "b"):
            raise TypeError(f"{item} is no {kind}")
        if kind.kind in "iu" and not np.iinfo(kind).min <= item <= np.iinfo(kind).max:
            raise ValueError(f"{item} is out of range")
    with np.errstate(over="ignore"):
        return np.array(value, "<f4" if dtype == DataType.DT_BFLOAT16 else kind)


def _nested(value: Any) -> NDArray[Any]:
    """Lists as an array of what is in them."""
    shape = np.array(_shape(value), int)
    flat = np.empty(int(shape.prod()), object)
    flat[:] = list(_leaves(value, len(shape)))
    return flat.reshape(shape)


def _shape(value: Any) -> list[int]:
    if not isinstance(value, list):
        return []
    shapes = {tuple(_shape(item)) for item in value}
    if len(shapes) > 1:
        raise ValueError("ragged")
    return [len(value), *(shapes.pop() if shapes else ())]


def _leaves(value: Any, depth: int) -> Any:
    if depth == 0:
        yield value
    else:
        for item in value:
            yield from _leaves(item, depth - 1)


def _text(item: Any) -> bytes:
    if isinstance(item, dict) and sorted(item) == ["b64"]:
        padded = "".join(item["b64"].split()) + "=" * (-len("".join(item["b64"].split())) % 4)
        try:
            return base64.b64decode(padded, validate=True)
        except binascii.Error as error:
            raise ValueError("no base64") from error
    if not isinstance(item, str):
        raise TypeError(f"{item} is no text")
    return item.encode("utf-8", "surrogateescape")


def of_grpc(record: golden.Record) -> Call | None:
    """The call for a recorded Predict; None where no call would send such a thing."""
    if record.request.get("message_type") != "tensorflow.serving.PredictRequest":
        return None
    request = PredictRequest.FromString(body(record.request))
    signatures = signatures_of(record.config, request.model_spec.name)
    name = request.model_spec.signature_name or "serving_default"
    signature = known(signatures).get(name) if signatures is not None else None
    if signature is None:
        return None
    inputs = {}
    for key, proto in request.inputs.items():
        if key not in signature.inputs or signature.inputs[key].dtype != proto.dtype:
            return None
        try:
            inputs[key] = from_proto(proto, key).values()
        except StatusError:
            return None
    if signature.inputs.keys() - inputs.keys() - signature.defaults:
        return None
    filtered = tuple(request.output_filter)
    if len(set(filtered)) < len(filtered) or set(filtered) - signature.outputs.keys():
        return None
    return Call(spec_address(request.model_spec), name, inputs, filtered)


def spec_address(spec: ModelSpec) -> Address:
    """What a ModelSpec names."""
    version = spec.version.value if spec.HasField("version") else None
    label = spec.version_label if spec.HasField("version_label") else None
    return Address(spec.name, version, label)
