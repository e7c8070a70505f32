"""Our messages have the bytes of the official ones, both ways."""

from __future__ import annotations

import functools
import importlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from testing import messages, official

OURS = "converter.wire"
APIS = "tensorflow_serving.apis"
CONFIG = "tensorflow_serving.config"
FRAMEWORK = "tensorflow.core.framework"
STORAGE = "FileSystemStoragePathSourceConfig"

# Official module -> its messages; ours have the same names.
TENSORFLOW = {
    f"{FRAMEWORK}.tensor_pb2": ("TensorProto", "VariantTensorDataProto"),
    f"{FRAMEWORK}.tensor_shape_pb2": ("TensorShapeProto", "TensorShapeProto.Dim"),
    f"{FRAMEWORK}.resource_handle_pb2": (
        "ResourceHandleProto",
        "ResourceHandleProto.DtypeAndShape",
    ),
    "tensorflow.core.example.feature_pb2": (
        "BytesList",
        "FloatList",
        "Int64List",
        "Feature",
        "Features",
    ),
    "tensorflow.core.example.example_pb2": ("Example",),
    "tensorflow.core.protobuf.named_tensor_pb2": ("NamedTensorProto",),
    "tensorflow.core.protobuf.meta_graph_pb2": (
        "TensorInfo",
        "TensorInfo.CooSparse",
        "TensorInfo.CompositeTensor",
        "SignatureDef",
    ),
}
SERVING = {
    f"{APIS}.status_pb2": ("StatusProto",),
    f"{APIS}.model_pb2": ("ModelSpec",),
    f"{APIS}.predict_pb2": ("PredictRequest", "PredictResponse", "PredictStreamedOptions"),
    f"{APIS}.input_pb2": ("Input", "ExampleList", "ExampleListWithContext"),
    f"{APIS}.classification_pb2": (
        "Class",
        "Classifications",
        "ClassificationResult",
        "ClassificationRequest",
        "ClassificationResponse",
    ),
    f"{APIS}.regression_pb2": (
        "Regression",
        "RegressionResult",
        "RegressionRequest",
        "RegressionResponse",
    ),
    f"{APIS}.inference_pb2": (
        "InferenceTask",
        "InferenceResult",
        "MultiInferenceRequest",
        "MultiInferenceResponse",
    ),
    f"{APIS}.get_model_metadata_pb2": (
        "SignatureDefMap",
        "GetModelMetadataRequest",
        "GetModelMetadataResponse",
    ),
    f"{APIS}.get_model_status_pb2": (
        "GetModelStatusRequest",
        "ModelVersionStatus",
        "GetModelStatusResponse",
    ),
    f"{APIS}.model_management_pb2": ("ReloadConfigRequest", "ReloadConfigResponse", "Metric"),
    f"{APIS}.logging_pb2": ("LogMetadata",),
    f"{APIS}.session_service_pb2": ("SessionRunRequest", "SessionRunResponse"),
    f"{APIS}.prediction_log_pb2": (
        "ClassifyLog",
        "RegressLog",
        "PredictLog",
        "PredictStreamedLog",
        "MultiInferenceLog",
        "SessionRunLog",
        "PredictionLog",
    ),
}
CONFIGURATION = {
    f"{CONFIG}.model_server_config_pb2": ("ModelConfig", "ModelConfigList", "ModelServerConfig"),
    f"{CONFIG}.logging_config_pb2": ("LoggingConfig", "SamplingConfig"),
    f"{CONFIG}.log_collector_config_pb2": ("LogCollectorConfig",),
    f"{CONFIG}.file_system_storage_path_source_pb2": (
        STORAGE,
        f"{STORAGE}.ServableToMonitor",
        f"{STORAGE}.ServableVersionPolicy",
        f"{STORAGE}.ServableVersionPolicy.Latest",
        f"{STORAGE}.ServableVersionPolicy.All",
        f"{STORAGE}.ServableVersionPolicy.Specific",
    ),
}
HEALTH = {"grpc_health.v1.health_pb2": ("HealthCheckRequest", "HealthCheckResponse")}
MODULES = {"tensorflow_pb2": TENSORFLOW, "apis_pb2": SERVING, "config_pb2": CONFIGURATION} | {
    "health_pb2": HEALTH
}
TYPES = [
    (ours, theirs, name)
    for ours, modules in MODULES.items()
    for theirs, names in modules.items()
    for name in names
]
NAMES = [name for _, _, name in TYPES]

# Left out on purpose: contents that no request needs. They survive as unknown fields.
LEFT_OUT = (
    "SessionRunRequest.options",
    "SessionRunResponse.metadata",
    "CompositeTensor.type_spec",
)
# Of these the official package has none: configuration files of the server alone, and a stub.
UNPUBLISHED = {
    "BatchingParameters",
    "MonitoringConfig",
    "PrometheusConfig",
    "SSLConfig",
    "TypeSpecProto",
}
SEEDS = [f"seed {number}" for number in range(12)]


@functools.cache
def ours() -> dict[str, Any]:
    """What our messages are, and random ones of them."""
    return messages.answer(_request({name: (f"{OURS}.{own}", name) for own, _, name in TYPES}, {}))


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    """The same of the official messages, and ours read by them."""
    made = {name: told["made"] for name, told in ours().items()}
    request = _request({name: (module, name) for _, module, name in TYPES}, made)
    done = subprocess.run(
        [str(official.python()), str(Path(messages.__file__))],
        input=json.dumps(request),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=official.environment(),
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _request(types: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    return {"types": types, "skip": LEFT_OUT, "seeds": SEEDS, "messages": made}


def _declared(container: Any, prefix: str = "") -> set[str]:
    """The full names of messages below a file or a message, without those that maps are made of."""
    found = set()
    for name, descriptor in container.items():
        if not descriptor.GetOptions().map_entry:
            found.add(prefix + name)
            found |= _declared(descriptor.nested_types_by_name, f"{prefix}{name}.")
    return found


def test_no_message_is_forgotten() -> None:
    modules = [importlib.import_module(f"{OURS}.{own}") for own in MODULES]
    declared = [_declared(module.DESCRIPTOR.message_types_by_name) for module in modules]
    assert set().union(*declared) == set(NAMES) | UNPUBLISHED


pytestmark = pytest.mark.toolchain(official.TOOLCHAIN)


@pytest.mark.parametrize("name", NAMES)
def test_the_fields_are_those_of_the_official_message(name: str, theirs: dict[str, Any]) -> None:
    short = name.rpartition(".")[2]
    wanted = theirs[name]["fields"]
    kept = {field: wanted[field] for field in wanted if f"{short}.{field}" not in LEFT_OUT}
    found = ours()[name]["fields"]
    assert {field: found[field] for field in kept} == kept
    assert {f"{short}.{field}" for field in found.keys() - kept.keys()} <= set(LEFT_OUT)


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_are_those_of_the_official_message(name: str, theirs: dict[str, Any]) -> None:
    assert ours()[name]["made"] == theirs[name]["made"]


@pytest.mark.parametrize("name", NAMES)
def test_the_official_message_reads_ours_whole(name: str, theirs: dict[str, Any]) -> None:
    assert theirs[name]["again"] == ours()[name]["made"]


@pytest.mark.parametrize("name", NAMES)
def test_ours_reads_the_official_message_whole(name: str, theirs: dict[str, Any]) -> None:
    own = next(module for module, _, known in TYPES if known == name)
    request = _request(
        {name: (f"{OURS}.{own}", name)},
        {name: theirs[name]["made"]},
    )
    again = messages.answer(request)[name]
    assert again["again"] == theirs[name]["made"]
    # Text format writes unknown fields by number: both know every field by name.
    assert again["text"] == theirs[name]["text"]
