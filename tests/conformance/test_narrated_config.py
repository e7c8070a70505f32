"""A config file that is polled: models come and go with it, and what is wrong in it does no harm.

The story "Config file polled (--model_config_file_poll_wait_seconds=1)" of narrated.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from converter.toolchain.pool import Pool
from testing import golden, narrated
from testing.narrated import Logged
from testing.stage import Embedded, Stage, Watch, model_list, until

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]

M = 'name: "m" base_path: "${MODELS}/scale" model_version_policy { specific { versions: 1 } }'
K = 'name: "k" base_path: "${MODELS}/scale_old"'
FILE = "n8.config"


@pytest.fixture
def stage(tmp_path: Path, pool: Pool, caplog: pytest.LogCaptureFixture) -> Stage:
    return Stage(tmp_path, pool, caplog)


def test_models_follow_the_file_and_a_bad_file_changes_nothing(stage: Stage) -> None:
    story = narrated.stories()["Config file polled (--model_config_file_poll_wait_seconds=1)"]
    malformed, empty = story.steps[2].logged[0], story.steps[4].logged[1]
    removed = Logged(
        "ERROR",
        "Failed to read ModelServerConfig file: ${DIR}/n8.config; No such file or directory",
    )
    path = stage.write(FILE, model_list(M))
    flags = (f"--model_config_file={path}", "--model_config_file_poll_wait_seconds=1")
    with stage.serving(*flags) as server:
        assert _states(server) == ("1 AVAILABLE", "404 Could not find any versions of model k")

        stage.write(FILE, model_list(M, K))
        _settle(server, "1 AVAILABLE", "1 AVAILABLE")

        stage.write(FILE, "model_config_list {")
        _nothing_changes(stage, server, malformed)

        with Watch(server, "k") as watch:
            stage.write(FILE, model_list(K))
            _settle(server, "1 END", "1 AVAILABLE")
        assert watch.seen == ["1 AVAILABLE"]
        assert server.predict() == '404 {"error": "Servable not found for request: Latest(m)"}'

        stage.write(FILE, "")
        _nothing_changes(stage, server, empty)

        path.unlink()
        _nothing_changes(stage, server, removed)

        stage.write(FILE, model_list(M, K))
        _settle(server, "1 AVAILABLE", "1 AVAILABLE")


def _states(server: Embedded) -> tuple[str, str]:
    return server.states("m"), server.states("k")


def _settle(server: Embedded, m: str, k: str) -> None:
    """Return when the models m and k have these states."""
    until(lambda: _states(server) == (m, k), lambda: _states(server))


def _nothing_changes(stage: Stage, server: Embedded, told: Logged) -> None:
    """The states stay as they are while the file is read and refused twice."""
    before = _states(server)
    stage.forget()
    with Watch(server, "m") as m, Watch(server, "k") as k:
        stage.await_logged(told, times=2)
    assert (m.seen, k.seen) == ([before[0]], [before[1]])
