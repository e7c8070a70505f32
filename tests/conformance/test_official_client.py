"""The official client of TensorFlow Serving drives the embedded server, every method of it.

One process in the toolchain makes all the calls; see official_calls.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from testing import golden, official, servers

pytestmark = [
    pytest.mark.toolchain(official.TOOLCHAIN),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]

CALLS = Path(__file__).with_name("official_calls.py")
Told = dict[str, Any]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What every call came to."""
    folder = tmp_path_factory.mktemp("official")
    flags = [
        f"--model_config_file={golden.config('main.models.config', folder)}",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_grpc_healthcheck_service=true",
        "--max_num_load_retries=0",
    ]
    with servers.running(folder, *flags) as serving:
        done = subprocess.run(
            [str(official.python()), str(CALLS)],
            input=json.dumps(
                {"address": f"127.0.0.1:{serving.grpc}", "models": str(golden.MODELS)}
            ),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=official.environment(),
        )
    found: Told = json.loads(done.stdout)
    return found


def reply(told: Told, call: str) -> Told:
    assert told[call]["code"] == "OK", told[call]
    found: Told = told[call]["reply"]
    return found


# ---- what is answered

SPEC = {"name": "scale", "version": "2", "signature_name": "serving_default"}


@pytest.mark.parametrize(
    ("call", "arrays"),
    [
        ("predict", {"y": ["float32", [3], [3.5, 4.0, 5.5]]}),
        ("predict version", {"y": ["float32", [1], [2.5]]}),
        ("predict label", {"y": ["float32", [1], [2.5]]}),
        ("predict signature", {"z": ["float32", [1], [30.0]]}),
        ("predict filtered", {"s": ["float32", [1, 2], [[11.0, 12.0]]]}),
        (
            "predict texts",
            {
                "upper": ["object", [2], ["ABC", "\xff"]],
                "raw_bytes": ["object", [2], ["abc", "\xff"]],
            },
        ),
        ("predict halves", {"y": ["float16", [1], [1.5]]}),
        ("predict nothing", {"y": ["float32", [0], []]}),
        (
            "reload more asked",
            {"y": ["float32", [1, 2], [[pytest.approx(22.1), pytest.approx(27.8)]]]},
        ),
        ("reload broken others", {"y": ["float32", [1], [3.5]]}),
        ("reload less kept", {"y": ["float32", [1], [3.5]]}),
    ],
)
def test_predict_answers_with_the_outputs(told: Told, call: str, arrays: Told) -> None:
    assert reply(told, call)["arrays"] == arrays


def test_predict_answers_several_outputs(told: Told) -> None:
    assert set(reply(told, "predict two")["arrays"]) == {"s", "t"}


@pytest.mark.parametrize(
    ("call", "spec"),
    [
        ("predict", SPEC),
        ("predict version", {**SPEC, "version": "1"}),
        ("predict label", {**SPEC, "version": "1"}),
        ("predict signature", {**SPEC, "signature_name": "tens"}),
    ],
)
def test_predict_tells_what_it_asked(told: Told, call: str, spec: Told) -> None:
    assert reply(told, call)["model_spec"] == spec


def _classes(*scores: float) -> Told:
    labels = zip("abc", scores, strict=True)
    return {"classes": [{"label": label, "score": score} for label, score in labels]}


TWO_ROWS = [_classes(2.5, 5.0, 7.5), _classes(3.0, 6.0, 9.0)]


def test_classify_answers_each_example(told: Told) -> None:
    assert reply(told, "classify")["result"] == {"classifications": TWO_ROWS}
    assert reply(told, "classify")["model_spec"] == {
        "name": "examples",
        "version": "1",
        "signature_name": "classify",
    }


def test_regress_answers_each_example(told: Told) -> None:
    assert reply(told, "regress")["result"] == {"regressions": [{"value": 2.5}, {"value": 3.0}]}


def test_examples_take_what_they_lack_from_the_context(told: Told) -> None:
    classified = [_classes(3.0, 6.0, 9.0), _classes(3.5, 7.0, 10.5)]
    assert reply(told, "classify context")["result"] == {"classifications": classified}
    regressed = [{"value": 3.0}, {"value": 3.5}]
    assert reply(told, "regress context")["result"] == {"regressions": regressed}


def test_multi_inference_answers_each_task(told: Told) -> None:
    first, second = reply(told, "multi")["results"]
    assert first["model_spec"]["signature_name"] == "classify"
    assert first["classification_result"] == {"classifications": TWO_ROWS}
    assert second["model_spec"]["signature_name"] == "regress"
    assert second["regression_result"] == {"regressions": [{"value": 2.5}, {"value": 3.0}]}


def test_metadata_holds_the_signatures(told: Told) -> None:
    """The official messages unpack what the reply holds as `Any`."""
    found = reply(told, "metadata")
    assert found["model_spec"] == {"name": "scale", "version": "1"}
    held = found["metadata"]["signature_def"]
    assert held["@type"] == "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    assert set(held["signature_def"]) >= {"serving_default", "tens"}
    default = held["signature_def"]["serving_default"]
    assert default["method_name"] == "tensorflow/serving/predict"
    assert default["inputs"] == {
        "x": {"name": "x:0", "dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}]}}
    }


def _state(version: int, state: str = "AVAILABLE", **status: str) -> Told:
    return {"version": str(version), "state": state, "status": status}


@pytest.mark.parametrize(
    ("call", "states"),
    [
        ("status", [_state(2), _state(1)]),
        ("status version", [_state(1)]),
        (
            "reload broken status",
            [
                _state(
                    1,
                    "END",
                    error_code="OUT_OF_RANGE",
                    error_message="Read less bytes than requested",
                )
            ],
        ),
    ],
)
def test_status_tells_the_versions(told: Told, call: str, states: list[Told]) -> None:
    assert reply(told, call)["model_version_status"] == states


@pytest.mark.parametrize("call", ["health", "health predictions", "health models"])
def test_the_server_and_its_services_are_healthy(told: Told, call: str) -> None:
    assert reply(told, call) == {"status": "SERVING"}


@pytest.mark.parametrize("call", ["reload more", "reload less"])
def test_a_reload_is_acknowledged(told: Told, call: str) -> None:
    assert reply(told, call) == {"status": {}}


# ---- what is refused

_NOT_FOUND = "Servable not found for request: "
_BAD = "INVALID_ARGUMENT"

REFUSED = {
    "predict unknown model": ("NOT_FOUND", _NOT_FOUND + "Latest(nope)"),
    "predict unknown version": ("NOT_FOUND", _NOT_FOUND + "Specific(scale, 9)"),
    "predict unknown label": (_BAD, "Unrecognized servable version label: nope"),
    "predict unknown signature": (
        "FAILED_PRECONDITION",
        'Serving signature key "nope" not found.',
    ),
    "predict wrong name": (
        _BAD,
        "Signature input alias: x(feed name: x:0) not found in request and no default value"
        " provided. Inputs expected to be in the request {z}, or default input alias set: ",
    ),
    "predict wrong dtype": (_BAD, "Expects arg[0] to be float but int32 is provided"),
    "predict wrong rank": (_BAD, "In[0] is not a matrix\n\t [[{{node y}}]]"),
    "predict unknown output": (
        _BAD,
        "output tensor alias not found in signature: nope Outputs expected to be in the set {y}.",
    ),
    "predict output twice": (_BAD, "duplicate output tensor alias: y"),
    "predict empty": (_BAD, "Missing ModelSpec"),
    "classify nothing": (_BAD, "Input is empty."),
    "classify regression": (
        _BAD,
        'Expected classification signature outputs to contain at least one of "classes" or'
        ' "scores". Signature was: ',
    ),
    "classify unknown signature": (_BAD, "No signature was found with the name: nope"),
    "classify unknown model": ("NOT_FOUND", _NOT_FOUND + "Latest(nope)"),
    "regress nothing": (_BAD, "Input is empty."),
    "regress predict": (_BAD, "No regression inputs found in SignatureDef: "),
    "regress wide": (
        _BAD,
        "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [1,3]",
    ),
    "regress required": (
        _BAD,
        "Name: <unknown>, Feature: must (data type: float) is required but could not be found.",
    ),
    "multi nothing": (_BAD, "Inference request must contain a task."),
    "multi same": (_BAD, "Duplicate evaluation of signature: regress"),
    "multi method": (
        "UNIMPLEMENTED",
        "Unsupported signature method_name: tensorflow/serving/predict",
    ),
    "multi models": (
        _BAD,
        "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
    ),
    "metadata no field": (
        _BAD,
        "GetModelMetadataRequest must specify at least one metadata_field",
    ),
    "metadata other field": (_BAD, "Metadata field graph is not supported"),
    "metadata unknown model": ("NOT_FOUND", _NOT_FOUND + "Latest(nope)"),
    "status unknown model": ("NOT_FOUND", "Could not find any versions of model nope"),
    "status unknown version": ("NOT_FOUND", "Could not find version 9 of model scale"),
    "health other": ("NOT_FOUND", "service name unknown"),
    "reload platform": (
        _BAD,
        "Illegal to change a model's platform. For model scale platform was tensorflow and new"
        " platform requested is caffe",
    ),
    "reload broken": (
        "UNKNOWN",
        "1 model(s) did not become available: {{{name: bad version: 1} due to error:"
        " OUT_OF_RANGE: Read less bytes than requested}, }",
    ),
    "reload less asked": ("NOT_FOUND", _NOT_FOUND + "Latest(more)"),
}
# Texts that go on with what a signature or a place in a graph is.
GO_ON = {"classify regression", "regress predict", "regress required"}


@pytest.mark.parametrize("call", REFUSED)
def test_a_wrong_call_gets_the_code_and_text_of_tensorflow_serving(told: Told, call: str) -> None:
    code, details = REFUSED[call]
    assert told[call]["code"] == code
    said = told[call]["details"]
    assert said.startswith(details) if call in GO_ON else said == details


def test_no_call_is_forgotten(told: Told) -> None:
    refused = {call for call, came_to in told.items() if came_to["code"] != "OK"}
    assert refused == set(REFUSED)
