"""What Docker serves is measured like anything else, texts too."""

from __future__ import annotations

from pathlib import Path

import pytest

from converter.bench.measure import Settings
from converter.bench.run import Wanted, run
from converter.options import Options
from converter.serving.docker.engines import Engine
from converter.serving.docker.images import ImageRef

MODELS = Path(__file__).parents[4] / "shared" / "golden" / "models"
WAYS = ("rest-row", "rest-b64", "grpc-content")

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not MODELS.is_dir(), reason=f"the recorded models are not at {MODELS}"),
]


def test_a_model_of_texts_in_docker(engine: Engine, embedded: ImageRef) -> None:
    wanted = Wanted(WAYS, batches=(2,), sweep=0, settings=Settings(rounds=2, calls=2, warmup=1))
    serving = Options(serving=f"docker:{embedded.tag}", serving_image=str(embedded))
    document = run(str(MODELS / "text" / "1"), wanted, serving)
    assert document["target"]["served_by"].startswith(f"docker:{embedded.tag}")
    cases = {case["way"]: case for case in document["cases"]}
    assert tuple(cases) == WAYS
    assert all(case["calls"] == 4 for case in cases.values())
    assert cases["rest-b64"]["sent_bytes"] > cases["rest-row"]["sent_bytes"]
