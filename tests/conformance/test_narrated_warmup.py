"""Requests recorded with a model are asked before it becomes AVAILABLE, or keep it from it.

The story "Warm-up file assets.extra/tf_serving_warmup_requests" of narrated.md.
"""

from __future__ import annotations

import struct
from pathlib import Path

import google_crc32c
import pytest

from converter.serving.server import warmup
from converter.serving.status import StatusError
from converter.toolchain.pool import Pool
from converter.wire.apis_pb2 import PredictionLog
from converter.wire.tensorflow_pb2 import DataType
from testing import golden, narrated
from testing.narrated import Step
from testing.stage import CLOSED, Stage

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]


def _log(model: str = "m", alias: str = "x") -> bytes:
    """A request to predict for x = 1."""
    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = model
    tensor = request.inputs[alias]
    tensor.dtype = DataType.DT_FLOAT
    tensor.tensor_shape.dim.add(size=1)
    tensor.float_val.append(1.0)
    return log.SerializeToString()


def _records(*records: bytes) -> bytes:
    """A TFRecord file."""

    def sealed(data: bytes) -> bytes:
        crc = google_crc32c.value(data)
        return data + struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    return b"".join(sealed(struct.pack("<Q", len(r))) + sealed(r) for r in records)


# Case -> what is in the file.
FILES = {
    "one good request": _records(_log()),
    "wrong input name": _records(_log(alias="zzz")),
    "model name in the request is another": _records(_log("other")),
    "garbage file": b"no TFRecord at all, but long enough to be one",
    "empty file": b"",
    "record that is no PredictionLog": _records(b"\xff\xff"),
    "log of no known kind (empty message)": _records(b""),
    "1001 good requests": _records(*[_log()] * 1001),
    "wrong input name, --enable_model_warmup=false": _records(_log(alias="zzz")),
}


@pytest.fixture
def stage(tmp_path: Path, pool: Pool, caplog: pytest.LogCaptureFixture) -> Stage:
    return Stage(tmp_path, pool, caplog)


def _step(case: str) -> Step:
    story = narrated.stories()["Warm-up file assets.extra/tf_serving_warmup_requests"]
    (found,) = [step for step in story.steps if step.title.partition(": ")[0] == case]
    return found


def test_every_recorded_case_is_here() -> None:
    assert [_step(case) for case in FILES] == narrated.stories()[
        "Warm-up file assets.extra/tf_serving_warmup_requests"
    ].steps


@pytest.mark.parametrize("case", FILES)
def test_a_warm_up_file_does_what_was_recorded(case: str, stage: Stage) -> None:
    recorded = _step(case)
    stage.put("w/1", "scale/1")
    stage.write(f"w/1/{warmup.FILE}", FILES[case])
    flags = ["--model_name=m", f"--model_base_path={stage.folder / 'w'}"]
    flags += ["--max_num_load_retries=0", *case.split(", ")[1:]]
    with stage.server(*flags) as server:
        if recorded.title.endswith(": process runs; 1 AVAILABLE"):
            server.wait_ready()
            assert server.states() == "1 AVAILABLE"
        else:
            assert recorded.title.endswith(": process ended with code 255; REST port closed")
            with pytest.raises(StatusError) as caught:
                server.wait_ready()
            assert server.states() == CLOSED
            _compare_reason(recorded, f"Failed to start server. Error: {caught.value}", stage)
    stage.await_logged(*(line for line in recorded.logged if line.level))
    if not recorded.logged:
        assert not [line for line in stage.lines() if "armup" in line]


def _compare_reason(recorded: Step, told: str, stage: Stage) -> None:
    """What is printed is the recorded line, and where none was, ends with the error logged."""
    printed = [line.text for line in recorded.logged if not line.level]
    if printed:
        assert told == narrated.filled(printed[0], stage.folder)
    else:
        error = recorded.logged[-1].text.partition(" cannot be loaded: ")[2]
        assert told.endswith(f" due to error: {narrated.filled(error, stage.folder)}}}, }}")
