"""Ask a served model over REST, in rows or in columns."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import orjson
import requests
from google.protobuf import json_format
from google.protobuf.message import Message

from converter.serving.client import casting, errors, json_text
from converter.serving.client.base import BaseClient
from converter.serving.client.contract import (
    SERVING_DEFAULT,
    Inputs,
    ModelMetadata,
    Outputs,
    Signature,
    VersionStatus,
    model_metadata,
    version_statuses,
)
from converter.serving.client.http import Connection
from converter.serving.tensors import Tensor
from converter.wire import apis_pb2 as apis

Reply = TypeVar("Reply", bound=Message)
Write = Callable[[Tensor], bytes]

# What the server says where the format is at fault and not the request (its util/json_tensor.cc).
_NOT_CARRIED = re.compile(
    r"Failed to write JSON value for tensor type"
    r"|Conversion of JSON Value: .* to type: "
    r"|Tensor name: .* has (no shape information|inconsistent batch size)",
    re.DOTALL,
)


class RestClient(BaseClient):
    """One model of the server at `base_url`, such as "http://127.0.0.1:8501".

    `version` or `label` chooses a version; without either it is the server's latest. `row` asks
    with `instances`, else with `inputs`. `timeout` is how long, in seconds, the server may be
    silent. With `compress` requests are sent as gzip. Strings are sent as base64, or with
    `plain_text` as they are, which must then be UTF-8.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        row: bool = True,
        timeout: float = 60.0,
        compress: bool = False,
        plain_text: bool = False,
    ) -> None:
        super().__init__()
        if version is not None and label is not None:
            raise ValueError("a version or a label, not both")
        self.protocol = "rest row" if row else "rest columnar"
        self._row = row
        self._plain_text = plain_text
        self._model = model
        url = f"{base_url.rstrip('/')}/v1/models/{quote(model, safe='')}"
        if version is not None:
            url += f"/versions/{version}"
        if label is not None:
            url += f"/labels/{quote(label, safe='')}"
        asked = f"model '{model}' at {base_url}"
        self._connection = Connection(url, asked, timeout, compress=compress)

    def status(self) -> tuple[VersionStatus, ...]:
        """Every version the server knows of, or the one this client is for."""
        told = self._connection.get("")
        return version_statuses(self._message(told, apis.GetModelStatusResponse()))

    def _ask_metadata(self) -> ModelMetadata:
        told = self._connection.get("/metadata")
        try:
            spec, signatures = told["model_spec"], told["metadata"]["signature_def"]
        except (TypeError, KeyError) as error:
            raise self._connection.unreadable("it is not a model's metadata") from error
        return model_metadata(
            self._message(spec, apis.ModelSpec()),
            self._message(signatures, apis.SignatureDefMap()),
        )

    def _message(self, value: Any, message: Reply) -> Reply:
        """`value` as the message that it is the JSON of."""
        try:
            return json_format.ParseDict(value, message, ignore_unknown_fields=True)
        except json_format.ParseError as error:
            raise self._connection.unreadable(str(error)) from error

    def predict(
        self, inputs: Inputs, signature: str = SERVING_DEFAULT, outputs: Sequence[str] = ()
    ) -> Outputs:
        """The outputs for `inputs`, as Client.predict says.

        Raises NotCarried where this format cannot say the request or the answer.
        """
        request = self.encode(inputs, signature, outputs)
        return self.decode(self.send(request), signature, outputs)

    def encode(
        self, inputs: Inputs, signature: str = SERVING_DEFAULT, outputs: Sequence[str] = ()
    ) -> bytes:
        """The JSON that asks `inputs`. Raises NotCarried."""
        known = casting.signature_of(self.metadata(), signature)
        casting.check_outputs(known, outputs)
        # TensorFlow Serving applies the defaults of a signature over gRPC only.
        tensors = casting.tensors_for(known, inputs, defaults=False)
        written = functools.partial(json_text.written, plain=self._plain_text)
        try:
            text = _rows(tensors, written) if self._row else _columns(tensors, written)
        except ValueError as error:
            raise self._not_carried(signature, str(error)) from error
        return b'{"signature_name":%b,%b}' % (orjson.dumps(signature), text)

    def send(self, request: bytes) -> requests.Response:
        """The answer to what `encode` gave; `decode` tells whether it is a refusal."""
        return self._connection.post(":predict", request)

    def decode(
        self,
        answer: requests.Response,
        signature: str = SERVING_DEFAULT,
        outputs: Sequence[str] = (),
    ) -> Outputs:
        """The outputs in what `send` gave. Raises NotCarried."""
        known = casting.signature_of(self.metadata(), signature)
        try:
            values = self._connection.read(answer)
        except errors.ServingError as error:
            if _NOT_CARRIED.search(error.message):
                raise self._not_carried(signature, error.message) from error
            if isinstance(error, errors.RequestRefused):
                self._forget()
            raise
        found = self._read(values, known)
        return {name: found[name] for name in outputs or known.outputs}

    def _not_carried(self, signature: str, why: str) -> errors.NotCarried:
        return errors.NotCarried(
            f"Signature '{signature}' of model '{self._model}' cannot be asked as {self.protocol}",
            message=why,
            fix="Ask over gRPC" + (" or in columns" if self._row else ""),
        )

    def _read(self, answer: Any, signature: Signature) -> Outputs:
        try:
            values = _by_output(answer, list(signature.outputs), row=self._row)
            specs = signature.outputs.items()
            return {name: json_text.array_of(values[name], spec) for name, spec in specs}
        except (TypeError, KeyError) as error:
            why = f"it has not the outputs of the signature ({error})"
            raise self._connection.unreadable(why) from error
        except ValueError as error:
            raise self._connection.unreadable(str(error)) from error

    def close(self) -> None:
        """Give up the connection."""
        self._connection.close()


def _columns(tensors: Mapping[str, Tensor], written: Write) -> bytes:
    """`inputs`, by name. Raises ValueError for what the format cannot say."""
    if not tensors:
        raise ValueError("a signature without inputs cannot be asked over REST")
    named = (orjson.dumps(key) + b":" + written(t) for key, t in tensors.items())
    return b'"inputs":{%b}' % b",".join(named)


def _rows(tensors: Mapping[str, Tensor], written: Write) -> bytes:
    """`instances`: the values of one input, or an object for each row of several.

    Raises ValueError for what the format cannot say.
    """
    if not tensors:
        raise ValueError("a signature without inputs cannot be asked over REST")
    shapes = [tensor.array.shape for tensor in tensors.values()]
    if not all(shapes):
        raise ValueError("an input without dimensions has no rows")
    sizes = {shape[0] for shape in shapes}
    if len(sizes) > 1 or sizes == {0}:
        raise ValueError(f"the inputs have not the same number of rows, or none: {shapes}")
    if len(tensors) == 1:
        return b'"instances":' + written(*tensors.values())
    rows = (_row(tensors, at, written) for at in range(sizes.pop()))
    return b'"instances":[%b]' % b",".join(rows)


def _row(tensors: Mapping[str, Tensor], at: int, written: Write) -> bytes:
    """The object for one row of several inputs."""
    values = []
    for key, tensor in tensors.items():
        # A slice: a single string taken out of its array would be no array any more.
        row = tensor.array[at : at + 1].reshape(tensor.array.shape[1:])
        values.append(orjson.dumps(key) + b":" + written(Tensor(tensor.dtype, row)))
    return b"{%b}" % b",".join(values)


def _by_output(answer: Any, names: Sequence[str], *, row: bool) -> dict[str, Any]:
    """The values of an answer by output. The name of a single output is not in the answer."""
    values = answer["predictions" if row else "outputs"]
    if len(names) == 1:
        return dict.fromkeys(names, values)
    if row:
        return {name: [each[name] for each in values] for name in names}
    return {name: values[name] for name in names}
