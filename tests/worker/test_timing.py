"""What a worker times: bare runs, and calls as tutorials make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converter import Options, api
from converter.bench.floor import Floor
from converter.serving.client.grpc import GrpcClient
from converter.serving.local import LocalServing
from converter.toolchain import catalog
from converter.toolchain.pool import Pool
from testing import delayed

DELAY = 0.05
X = np.arange(8, dtype=np.float32).reshape(2, 4)


@pytest.mark.parametrize(
    "toolchain",
    [pytest.param(t, marks=pytest.mark.toolchain(t)) for t in ("tf2.2", "tf2.15", "tf2.21")],
)
@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_the_tutorials_way_gets_the_answers_and_tells_its_parts(
    pool: Pool, toolchain: str, protocol: str
) -> None:
    session = pool.session(catalog.get(toolchain), "eager", "naive")
    with delayed.serving(delay=DELAY) as fake:
        fields: dict[str, Any] = {
            "protocol": protocol,
            "address": fake.url if protocol == "rest" else fake.grpc,
            "model": [delayed.MODEL, None],
            "signature": "serving_default",
            "outputs": ["y"],
        }
        reply = session.request(
            "naive_call", [("x", X)], calls=2, concurrency=2, seconds=20.0, **fields
        )
    assert sorted(reply.tensors) == ["0:y", "1:y", "2:y", "3:y"]
    for answer in reply.tensors.values():
        assert np.array_equal(answer, X * 2)
    assert len(reply.result["times"]) == 4
    for encode, wire, decode in reply.result["times"]:
        assert encode > 0
        assert wire >= DELAY * 1e9
        assert decode > 0
    assert reply.result["wall"] >= 2 * DELAY * 1e9


@pytest.mark.toolchain("tf2.15")
def test_bare_runs_are_timed_in_the_worker(
    pool: Pool, fixtures_folder: Path, tmp_path: Path
) -> None:
    model = fixtures_folder / "digits-tf.keras-2.15.h5"
    folder = Path(api.convert(model, tmp_path / "m", Options(verify=False)).published or "")
    toolchain = catalog.get("tf2.15")
    with LocalServing(pool, toolchain).serve(folder) as endpoint:
        with GrpcClient(endpoint.grpc, "model") as client:
            metadata = client.metadata()
        floor = Floor(pool.link(toolchain), folder, metadata, "serving_default")
        batch = {"image": np.zeros((3, 28, 28, 1), np.float32)}
        turn = floor.turn(batch, runs=3, concurrency=2)
        floor.close()
    assert len(turn.times) == 6
    assert all(encode == decode == 0 < wire for encode, wire, decode in turn.times)
    assert turn.wall >= max(wire for _, wire, _ in turn.times)
