"""Drive a server with the official stubs of TensorFlow Serving; runs in the toolchain.

Reads one JSON object from standard input: `address` of the server, `models`: the folder they are
in. Answers with one JSON object: what each call of `CALLS` came to, {"code", "details"} or
{"code": "OK", "reply"}, the reply as protobuf's JSON with the names of the .proto files.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import grpc
import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]
from google.protobuf import json_format
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from tensorflow_serving.apis import (  # type: ignore[import-not-found]
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

PATIENCE = 60.0
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


class Stubs:
    """Every service of the server, and where its models are."""

    def __init__(self, channel: grpc.Channel, models: str) -> None:
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)
        self.folder = models

    # One method for each of the server's; each gives the reply or raises grpc.RpcError.

    def predict(
        self,
        model: str,
        signature: str = "",
        output_filter: tuple[str, ...] = (),
        version: int | None = None,
        label: str | None = None,
        **inputs: Any,
    ) -> Any:
        """Inputs are whatever TensorFlow makes a tensor of."""
        request = predict_pb2.PredictRequest(output_filter=output_filter)
        _fill(request.model_spec, model, signature, version, label)
        for alias, value in inputs.items():
            request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
        return self.predictions.Predict(request, PATIENCE)

    def classify(self, model: str, signature: str, *rows: float, shared: Any = None) -> Any:
        request = classification_pb2.ClassificationRequest()
        _fill(request.model_spec, model, signature)
        _examples(request.input, rows, shared)
        return self.predictions.Classify(request, PATIENCE)

    def regress(self, model: str, signature: str, *rows: float, shared: Any = None) -> Any:
        request = regression_pb2.RegressionRequest()
        _fill(request.model_spec, model, signature)
        _examples(request.input, rows, shared)
        return self.predictions.Regress(request, PATIENCE)

    def multi(self, *tasks: tuple[str, str, str], rows: tuple[float, ...] = (1.0, 2.0)) -> Any:
        """A task is model, signature and method."""
        request = inference_pb2.MultiInferenceRequest()
        for model, signature, method in tasks:
            task = request.tasks.add(method_name=method)
            _fill(task.model_spec, model, signature)
        _examples(request.input, rows, None)
        return self.predictions.MultiInference(request, PATIENCE)

    def metadata(self, model: str, *fields: str, version: int | None = None) -> Any:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
        _fill(request.model_spec, model, version=version)
        return self.predictions.GetModelMetadata(request, PATIENCE)

    def status(self, model: str, version: int | None = None) -> Any:
        request = get_model_status_pb2.GetModelStatusRequest()
        _fill(request.model_spec, model, version=version)
        return self.models.GetModelStatus(request, PATIENCE)

    def reload(self, platform: str = "tensorflow", **base_paths: str) -> Any:
        """Base paths are below the folder of the models."""
        request = model_management_pb2.ReloadConfigRequest()
        for name, path in base_paths.items():
            request.config.model_config_list.config.add(
                name=name, base_path=f"{self.folder}/{path}", model_platform=platform
            )
        return self.models.HandleReloadConfigRequest(request, PATIENCE)

    def check(self, service: str) -> Any:
        return self.health.Check(health_pb2.HealthCheckRequest(service=service), PATIENCE)

    def empty(self) -> Any:
        return self.predictions.Predict(predict_pb2.PredictRequest(), PATIENCE)


def floats(values: list[Any]) -> Any:
    return np.array(values, np.float32)


def ints(values: list[Any]) -> Any:
    return np.array(values, np.int32)


def _fill(
    spec: Any,
    model: str,
    signature: str = "",
    version: int | None = None,
    label: str | None = None,
) -> None:
    spec.name = model
    spec.signature_name = signature
    if version is not None:
        spec.version.value = version
    if label is not None:
        spec.version_label = label


def _examples(given: Any, rows: tuple[float, ...], shared: float | None) -> None:
    """One example for each of `rows` with the feature x, none for NaN; `shared`: of the context."""
    kind = given.example_list if shared is None else given.example_list_with_context
    for value in rows:
        example = kind.examples.add()
        if not math.isnan(value):
            example.features.feature["x"].float_list.value.append(value)
    if shared is not None:
        kind.context.features.feature["x"].float_list.value.append(shared)


ONE = floats([1.0])
SCALES = {"scale": "scale", "two": "two", "examples": "examples"}
NO_X = float("nan")

# In this order: the reloads at the end change what is served.
CALLS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "predict": ("predict", ("scale",), {"x": floats([1, 2, 5])}),
    "predict version": ("predict", ("scale",), {"x": ONE, "version": 1}),
    "predict label": ("predict", ("scale",), {"x": ONE, "label": "stable"}),
    "predict signature": ("predict", ("scale", "tens"), {"x": ONE}),
    "predict two": ("predict", ("two",), {"a": floats([[1, 2]]), "b": ints([10])}),
    "predict filtered": (
        "predict",
        ("two", "", ("s",)),
        {"a": floats([[1, 2]]), "b": ints([10])},
    ),
    "predict texts": ("predict", ("text",), {"s": [b"abc", b"\xff"]}),
    "predict halves": ("predict", ("dtypes", "to_half"), {"x": floats([1.5])}),
    "predict nothing": ("predict", ("scale",), {"x": np.zeros((0,), np.float32)}),
    "predict unknown model": ("predict", ("nope",), {"x": ONE}),
    "predict unknown version": ("predict", ("scale",), {"x": ONE, "version": 9}),
    "predict unknown label": ("predict", ("scale",), {"x": ONE, "label": "nope"}),
    "predict unknown signature": ("predict", ("scale", "nope"), {"x": ONE}),
    "predict wrong name": ("predict", ("scale",), {"z": ONE}),
    "predict wrong dtype": ("predict", ("scale",), {"x": ints([1])}),
    "predict wrong rank": ("predict", ("vec",), {"x": floats([1, 2, 3])}),
    "predict unknown output": ("predict", ("scale", "", ("nope",)), {"x": ONE}),
    "predict output twice": ("predict", ("scale", "", ("y", "y")), {"x": ONE}),
    "predict empty": ("empty", (), {}),
    "classify": ("classify", ("examples", "classify", 1.0, 2.0), {}),
    "classify context": ("classify", ("examples", "classify", NO_X, 3.0), {"shared": 2.0}),
    "classify nothing": ("classify", ("examples", "classify"), {}),
    "classify regression": ("classify", ("examples", "regress", 1.0), {}),
    "classify unknown signature": ("classify", ("examples", "nope", 1.0), {}),
    "classify unknown model": ("classify", ("nope", "", 1.0), {}),
    "regress": ("regress", ("examples", "regress", 1.0, 2.0), {}),
    "regress context": ("regress", ("examples", "regress", NO_X, 3.0), {"shared": 2.0}),
    "regress nothing": ("regress", ("examples", "regress"), {}),
    "regress predict": ("regress", ("examples", "", 1.0), {}),
    "regress wide": ("regress", ("examples", "regress_wide", 1.0), {}),
    "regress required": ("regress", ("examples", "regress_must", 1.0), {}),
    "multi": (
        "multi",
        (("examples", "classify", CLASSIFY), ("examples", "regress", REGRESS)),
        {},
    ),
    "multi nothing": ("multi", (), {}),
    "multi same": ("multi", (("examples", "regress", REGRESS),) * 2, {}),
    "multi method": ("multi", (("examples", "", "tensorflow/serving/predict"),), {}),
    "multi models": (
        "multi",
        (("examples", "regress", REGRESS), ("scale", "tens", REGRESS)),
        {},
    ),
    "metadata": ("metadata", ("scale", "signature_def"), {"version": 1}),
    "metadata no field": ("metadata", ("scale",), {}),
    "metadata other field": ("metadata", ("scale", "graph"), {}),
    "metadata unknown model": ("metadata", ("nope", "signature_def"), {}),
    "status": ("status", ("scale",), {}),
    "status version": ("status", ("scale",), {"version": 1}),
    "status unknown model": ("status", ("nope",), {}),
    "status unknown version": ("status", ("scale",), {"version": 9}),
    "health": ("check", ("",), {}),
    "health predictions": ("check", ("PredictionService",), {}),
    "health models": ("check", ("ModelService",), {}),
    "health other": ("check", ("nope",), {}),
    "reload platform": ("reload", (), {**SCALES, "platform": "caffe"}),
    "reload more": ("reload", (), {**SCALES, "more": "vec"}),
    "reload more asked": ("predict", ("more",), {"x": floats([[1, 2, 3]])}),
    "reload broken": ("reload", (), {**SCALES, "bad": "broken"}),
    "reload broken status": ("status", ("bad",), {}),
    "reload broken others": ("predict", ("scale",), {"x": ONE}),
    "reload less": ("reload", (), SCALES),
    "reload less asked": ("predict", ("more",), {"x": floats([[1, 2, 3]])}),
    "reload less kept": ("predict", ("scale",), {"x": ONE}),
}


def told(stubs: Stubs, method: str, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What a call came to."""
    try:
        reply = getattr(stubs, method)(*positional, **named)
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}
    found = json_format.MessageToDict(reply, preserving_proto_field_name=True)
    if method == "predict":
        found["arrays"] = {
            alias: _plain(tf.make_ndarray(proto)) for alias, proto in reply.outputs.items()
        }
    return {"code": "OK", "reply": found}


def _plain(array: Any) -> Any:
    """An array as JSON can have it, with its dtype."""
    values = array.tolist()
    if array.dtype.hasobject:
        values = [value.decode("latin-1") for value in values]
    return [array.dtype.name, list(array.shape), values]


def main() -> None:
    """Make every call and print what came of it."""
    asked = json.load(sys.stdin)
    with grpc.insecure_channel(asked["address"]) as channel:
        stubs = Stubs(channel, asked["models"])
        found = {name: told(stubs, *call) for name, call in CALLS.items()}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
