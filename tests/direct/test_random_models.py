"""Property: whatever valid architecture a Keras writes, the served answers are the writer's."""

from __future__ import annotations

import itertools
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from converter.toolchain.pool import Pool
from converter.toolchain.session import worker_environment
from fixtures.make import WRITERS
from testing import direct, toolchains
from tests.direct.architectures import descriptions

# Small models, but up to twelve layers of them amplify what the first one rounds.
RTOL, ATOL = 1e-4, 1e-5
EXAMPLES = 12
SERVER = "tf2.15"

Build = Callable[[dict[str, Any]], direct.Written]


@contextmanager
def _builder(writer: str, folder: Path) -> Iterator[Build]:
    """A function that has `writer` build, ask and save a model."""
    (python,) = toolchains.require(WRITERS[writer].toolchain)
    with subprocess.Popen(
        [str(python), str(direct.CASES / "build.py"), WRITERS[writer].flavour],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=worker_environment(folder) | {"PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout
        count = itertools.count()

        def build(description: dict[str, Any]) -> direct.Written:
            path = folder / str(next(count))
            print(json.dumps(dict(description, path=str(path))), file=stdin, flush=True)
            assert stdout.readline() == "ok\n"
            return direct.read_case(str(path), path)

        yield build


@pytest.mark.parametrize("writer", ["keras-2.2.4", "tf.keras-2.15", "keras3-3.15"])
def test_served_answers_are_the_writers(writer: str, pool: Pool) -> None:
    toolchains.require(SERVER)
    with (
        tempfile.TemporaryDirectory() as folder,
        _builder(writer, Path(folder)) as build,
    ):

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(descriptions())
        def answers_as_its_writer(description: dict[str, Any]) -> None:
            case = build(description)
            saved = case.path.with_suffix("")
            contract = direct.convert(case.path, saved)
            (got,) = direct.answers(pool, SERVER, saved, contract, case.inputs)
            np.testing.assert_allclose(got, case.outputs[0], rtol=RTOL, atol=ATOL)

        answers_as_its_writer()
