"""One call to a served model: what its metadata says, what is sent, what is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from converter import calling
from converter.errors import UsageError
from converter.serving.client.contract import Signature, TensorSpec
from converter.serving.endpoint import Endpoint
from converter.serving.local import LocalServing
from converter.toolchain import catalog
from converter.toolchain.pool import Pool
from converter.wire.tensorflow_pb2 import DT_BOOL, DT_FLOAT, DT_INT32, DT_STRING
from testing import cli, golden

SIGNATURE = Signature(
    {
        "a": TensorSpec(DT_FLOAT, (None, 3)),
        "b": TensorSpec(DT_INT32, (2, None)),
        "c": TensorSpec(DT_STRING, None),
        "d": TensorSpec(DT_BOOL, ()),
    },
    {},
    "",
)


def test_inputs_are_made_up_by_dtype_and_shape() -> None:
    made = calling.made_up(SIGNATURE, batch=5, seed=1)
    assert {key: array.shape for key, array in made.items()} == {
        "a": (5, 3),
        "b": (2, 1),
        "c": (5,),
        "d": (),
    }
    assert {key: array.dtype.kind for key, array in made.items()} == {
        "a": "f",
        "b": "i",
        "c": "O",
        "d": "b",
    }


def test_the_same_seed_makes_up_the_same_inputs() -> None:
    first, again = (calling.made_up(SIGNATURE, batch=2, seed=7)["a"] for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, calling.made_up(SIGNATURE, batch=2, seed=8)["a"])


@pytest.mark.parametrize(
    "url",
    ["localhost:8501", "http://h:1", "ftp://h:1/m", "http://h:1/v1/models/m/versions/x", ""],
)
def test_what_is_no_address_of_a_model_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="grpc://HOST:PORT/NAME"):
        calling.client_for(url, row=False, timeout=1)


@pytest.fixture(scope="module")
def endpoint(pool: Pool) -> Iterator[Endpoint]:
    """The model `two` of the recordings, served."""
    if not golden.FOLDER.exists():
        pytest.skip("the recordings are not there")
    runtime = LocalServing(pool, catalog.get("tf2.15"))
    with runtime.serve(golden.MODELS / "two" / "1", "two") as served:
        yield served


@pytest.mark.toolchain("tf2.15")
class TestAgainstAServer:
    """The command line, as a user has it."""

    @pytest.mark.parametrize("way", ["grpc", "rest", "rows"])
    def test_it_is_asked_and_told(self, endpoint: Endpoint, way: str) -> None:
        url = f"grpc://{endpoint.grpc}/two" if way == "grpc" else f"{endpoint.rest}/v1/models/two"
        rows = ["--rows"] if way == "rows" else []
        done = cli.run("call", url, "--batch", 3, "--json", *rows)
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert told["schema"] == "convert-h5/call/1"
        assert told["signatures"]["serving_default"]["inputs"]["a"] == {
            "dtype": "float",
            "shape": [None, 2],
        }
        assert len(told["outputs"]["t"]) == 3
        assert told["outputs"]["t"] == [2 * n for n in told["inputs"]["b"]]

    def test_people_get_lines_and_metadata_alone_sends_nothing(self, endpoint: Endpoint) -> None:
        done = cli.run("call", f"grpc://{endpoint.grpc}/two", "--metadata")
        assert "  in   b: int32 [?]" in done.out
        assert "got" not in done.out

    def test_inputs_come_from_a_file_and_outputs_go_to_one(
        self, endpoint: Endpoint, tmp_path: Path
    ) -> None:
        np.savez(tmp_path / "in.npz", a=np.ones((2, 2), "f4"), b=np.array([1, 2], "i4"))
        out = tmp_path / "out.npz"
        done = cli.run(
            *("call", f"grpc://{endpoint.grpc}/two", "--output", "t"),
            *("--inputs", tmp_path / "in.npz", "--save", out),
        )
        assert done.code == 0, done.err
        with np.load(out) as stored:
            assert {key: stored[key].tolist() for key in stored} == {"t": [2, 4]}

    def test_an_unknown_model_is_told_in_the_servers_words(self, endpoint: Endpoint) -> None:
        done = cli.run("call", f"{endpoint.rest}/v1/models/nope")
        assert done.code == 6
        assert "Servable not found for request: Latest(nope)" in done.last_line
        assert done.last_line.endswith("[serving-model-not-found]")
