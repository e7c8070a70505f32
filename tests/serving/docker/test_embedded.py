"""`convert-h5 serve` in the place of TensorFlow Serving: the same path with a real model."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from pathlib import Path

import pytest

from converter.serving.docker.engines import Engine
from converter.serving.docker.errors import ModelNotLoaded
from converter.serving.docker.images import ImageRef
from converter.serving.docker.runtime import DockerServing

ROOT = Path(__file__).parents[3]
MODELS = ROOT.parent / "shared" / "golden" / "models"

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not MODELS.is_dir(), reason=f"the recorded models are not at {MODELS}"),
]


def test_a_model_that_belongs_to_another_user_answers(
    engine: Engine, embedded: ImageRef, tmp_path: Path
) -> None:
    folder = tmp_path / ".staging"
    shutil.copytree(MODELS / "scale" / "1", folder)
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 4321, 4321)
            path.chmod(0o700)
    with DockerServing.open(embedded) as runtime, runtime.serve(folder, "scale", 3) as endpoint:
        assert endpoint.description.startswith(f"docker:2.15.1 ({embedded}")
        url = f"{endpoint.rest}/v1/models/scale/versions/3:predict"
        with urllib.request.urlopen(url, b'{"instances": [1.0, 2.0, 5.0]}') as reply:
            assert json.load(reply) == {"predictions": [2.5, 3.0, 4.5]}


def test_a_broken_model_is_told_in_the_servers_words(engine: Engine, embedded: ImageRef) -> None:
    with (
        DockerServing.open(embedded) as runtime,
        pytest.raises(ModelNotLoaded) as told,
        runtime.serve(MODELS / "broken" / "1"),
    ):
        pass
    assert told.value.why == "OUT_OF_RANGE: Read less bytes than requested"
    assert "cannot be loaded" in told.value.log_tail
