"""An independent client, ovmsclient, drives the embedded server with every method it has.

It asks `serving_default` alone, and always names a version: with none given it asks for version 0,
which a TensorFlow Serving does not have.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import ovmsclient  # type: ignore[import-untyped]
import pytest

from converter.wire.tensorflow_pb2 import DT_FLOAT
from testing import golden, servers
from testing.servers import Serving

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]

WAYS = ("http", "grpc")
Client = Any  # of either way; the package has no types


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("ovmsclient")
    config = golden.config("main.models.config", folder)
    labels = "--allow_version_labels_for_unavailable_models=true"
    with servers.running(folder, f"--model_config_file={config}", labels) as started:
        yield started


@pytest.fixture(params=WAYS)
def client(request: pytest.FixtureRequest, serving: Serving) -> Iterator[Client]:
    made = _client(serving, request.param)
    yield made
    _close(made)


@pytest.fixture
def over_grpc(serving: Serving) -> Iterator[Client]:
    made = _client(serving, "grpc")
    yield made
    _close(made)


@pytest.fixture
def over_http(serving: Serving) -> Iterator[Client]:
    made = _client(serving, "http")
    yield made
    _close(made)


def _client(serving: Serving, way: str) -> Client:
    if way == "http":
        return ovmsclient.make_http_client(f"127.0.0.1:{serving.rest}")
    return ovmsclient.make_grpc_client(f"127.0.0.1:{serving.grpc}")


def _close(client: Client) -> None:
    (client.session if hasattr(client, "session") else client.channel).close()


def floats(*values: Any) -> np.ndarray:
    return np.array(values, np.float32)


# ---- predict


@pytest.mark.parametrize(("version", "added"), [(1, 2), (2, 3)])
def test_predict_asks_the_version_that_is_named(client: Client, version: int, added: int) -> None:
    answer = client.predict({"x": floats(1, 2, 5)}, "scale", version)
    np.testing.assert_array_equal(answer, floats(1, 2, 5) / 2 + added)


@pytest.mark.parametrize("shape", [(1,), (2, 3), (2, 1, 3, 2)])
def test_predict_keeps_shapes(client: Client, shape: tuple[int, ...]) -> None:
    sent = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    np.testing.assert_array_equal(client.predict({"x": sent}, "anyrank", 1), sent * 2)


def test_predict_takes_what_python_has(client: Client) -> None:
    np.testing.assert_array_equal(client.predict({"x": [1.5, 2.5]}, "anyrank", 1), [3.0, 5.0])


def test_predict_gives_several_outputs_by_name(client: Client) -> None:
    sent = {"a": floats([1, 2], [3, 4]), "b": np.array([10, 20], np.int32)}
    answer = client.predict(sent, "two", 1)
    assert set(answer) == {"s", "t"}
    np.testing.assert_array_equal(answer["s"], sent["a"] + sent["b"][:, None])
    assert answer["t"].shape == (2,)


def test_predict_takes_and_gives_strings(over_http: Client, over_grpc: Client) -> None:
    texts = over_http.predict({"s": ["abc", "Größe"]}, "text", 1)
    assert texts["upper"].tolist() == ["ABC", "GRößE"]
    # Outputs whose names end so are told as base64.
    decoded = [base64.b64decode(held["b64"]).decode() for held in texts["raw_bytes"]]
    assert decoded == ["abc", "Größe"]
    raw = over_grpc.predict({"s": ["abc", "Größe"]}, "text", 1)
    assert raw["upper"].tolist() == [b"ABC", "GRößE".encode()]
    assert raw["raw_bytes"].tolist() == [b"abc", "Größe".encode()]


def test_predict_takes_bytes_that_are_no_text(client: Client) -> None:
    answer = client.predict({"s": [b"\xff\x00\x01", b"a"]}, "text", 1)
    assert len(answer["upper"]) == 2


def test_predict_gives_what_is_not_finite(client: Client) -> None:
    answer = client.predict({"x": floats(-1, 0, 1)}, "nonfinite", 1)
    np.testing.assert_array_equal(np.array(answer, np.float32), [np.nan, -np.inf, 0])


def test_predict_takes_a_tensor_message(over_grpc: Client) -> None:
    proto = ovmsclient.make_tensor_proto([1, 2], dtype=DT_FLOAT)
    np.testing.assert_array_equal(over_grpc.predict({"x": proto}, "scale", 2), [3.5, 4.0])


def test_both_ways_give_the_same_numbers(over_http: Client, over_grpc: Client) -> None:
    sent = np.random.default_rng(7).normal(size=(500, 3)).astype(np.float32)
    rest = over_http.predict({"x": sent}, "vec", 1)
    np.testing.assert_array_equal(rest.astype(np.float32), over_grpc.predict({"x": sent}, "vec", 1))


def test_large_tensors_come_back_whole(client: Client) -> None:
    sent = np.arange(300_000, dtype=np.float32).reshape(-1, 3)
    np.testing.assert_array_equal(client.predict({"x": sent}, "anyrank", 1), sent * 2)


def test_clients_of_many_threads_get_their_own_answers(serving: Serving) -> None:
    def ask(number: int) -> bool:
        made = _client(serving, WAYS[number % 2])
        try:
            found = [made.predict({"x": floats(number, n)}, "scale", 2) for n in range(10)]
        finally:
            _close(made)
        return all(np.array_equal(f, floats(number, n) / 2 + 3) for n, f in enumerate(found))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(16)))


# ---- predict, asked wrongly

BAD = ovmsclient.InvalidInputError
WRONG: dict[str, tuple[dict[str, Any], str, str, str]] = {
    # inputs, model, what is said over HTTP and over gRPC
    "another name": (
        {"z": floats(1)},
        "scale",
        "Missing named input: x in 'inputs' object.",
        "Signature input alias: x(feed name: x:0) not found in request",
    ),
    "an input is missing": (
        {"a": floats([1, 2])},
        "two",
        "Missing named input: b in 'inputs' object.",
        "input size does not match signature: 1!=2 len({a}) != len({a,b})",
    ),
    "no input": (
        {},
        "scale",
        "Missing named input: x in 'inputs' object.",
        "input size does not match signature: 0!=1",
    ),
    "another dtype": (
        {"x": ["text"]},
        "scale",
        'JSON Value: "text" Type: String is not of expected type: float',
        "Expects arg[0] to be float but string is provided",
    ),
    "another rank": (
        {"x": floats(1, 2, 3)},
        "vec",
        "In[0] is not a matrix",
        "In[0] is not a matrix",
    ),
    "another size": (
        {"x": floats([1, 2])},
        "vec",
        "Matrix size-incompatible: In[0]: [1,2], In[1]: [3,2]",
        "Matrix size-incompatible: In[0]: [1,2], In[1]: [3,2]",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_is_an_invalid_input(
    over_http: Client, over_grpc: Client, case: str
) -> None:
    inputs, model, over_rest, over_rpc = WRONG[case]
    for client, said in ((over_http, over_rest), (over_grpc, over_rpc)):
        with pytest.raises(BAD) as caught:
            client.predict(inputs, model, 1)
        assert said in str(caught.value)


def test_an_input_too_many_is_seen_over_grpc_alone(over_http: Client, over_grpc: Client) -> None:
    inputs = {"x": floats(1), "z": floats(1)}
    np.testing.assert_array_equal(over_http.predict(inputs, "scale", 2), [3.5])
    with pytest.raises(BAD, match=r"Sent extra: \{z\}"):
        over_grpc.predict(inputs, "scale", 2)


def test_a_model_without_the_default_signature_is_told(
    over_http: Client, over_grpc: Client
) -> None:
    with pytest.raises(BAD, match='Serving signature name: "serving_default" not found'):
        over_http.predict({"x": floats(1)}, "nodefault", 1)
    # The client has no class for FAILED_PRECONDITION.
    with pytest.raises(ConnectionError, match='Serving signature key "serving_default" not found'):
        over_grpc.predict({"x": floats(1)}, "nodefault", 1)


@pytest.mark.parametrize(
    ("model", "version"), [("nope", 1), ("scale", 3), ("scale", 0), ("scale_latest", 1)]
)
def test_a_model_or_version_that_is_not_there_is_not_found(
    client: Client, model: str, version: int
) -> None:
    said = f"Servable not found for request: Specific({model}, {version})"
    with pytest.raises(ovmsclient.ModelNotFoundError) as caught:
        client.predict({"x": floats(1)}, model, version)
    assert said in str(caught.value)


def test_wrong_requests_do_not_spoil_the_connection(client: Client) -> None:
    for _ in range(5):
        with pytest.raises(BAD):
            client.predict({"z": floats(1)}, "scale", 2)
        np.testing.assert_array_equal(client.predict({"x": floats(1)}, "scale", 2), [3.5])


# ---- metadata


def test_metadata_over_grpc_tells_inputs_and_outputs(over_grpc: Client) -> None:
    assert over_grpc.get_model_metadata("two", 1) == {
        "model_version": 1,
        "inputs": {
            "a": {"shape": [-1, 2], "dtype": "DT_FLOAT"},
            "b": {"shape": [-1], "dtype": "DT_INT32"},
        },
        "outputs": {
            "s": {"shape": [-1, 2], "dtype": "DT_FLOAT"},
            "t": {"shape": [-1], "dtype": "DT_INT32"},
        },
    }


def test_metadata_over_http_is_the_json_of_tensorflow_serving(over_http: Client) -> None:
    """The client only reads the keys of another server, and hands these on as they are."""
    told = over_http.get_model_metadata("scale", 1)
    assert told["model_spec"] == {"name": "scale", "signature_name": "", "version": "1"}
    signatures = told["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["x"] == {
        "dtype": "DT_FLOAT",
        "name": "x:0",
        "tensor_shape": {"dim": [{"name": "", "size": "-1"}], "unknown_rank": False},
    }


@pytest.mark.parametrize(("model", "version"), [("nope", 1), ("scale", 3)])
def test_metadata_of_what_is_not_there_is_not_found(
    client: Client, model: str, version: int
) -> None:
    with pytest.raises(ovmsclient.ModelNotFoundError, match="Servable not found for request"):
        client.get_model_metadata(model, version)


# ---- status


@pytest.mark.parametrize("version", [1, 2])
def test_status_tells_the_state_of_a_version(client: Client, version: int) -> None:
    assert client.get_model_status("scale", version) == {
        version: {"state": "AVAILABLE", "error_code": 0, "error_message": ""}
    }


@pytest.mark.parametrize(
    ("model", "version", "said"),
    [
        ("nope", 1, "Could not find version 1 of model nope"),
        ("scale", 3, "Could not find version 3 of model scale"),
    ],
)
def test_the_status_of_what_is_not_there_is_not_found(
    client: Client, model: str, version: int, said: str
) -> None:
    with pytest.raises(ovmsclient.ModelNotFoundError) as caught:
        client.get_model_status(model, version)
    assert said in str(caught.value)
