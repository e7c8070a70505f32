"""The server that is attacked: one for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testing import asking, golden, servers
from tests.attacks.target import FINE, GIB, Target

# What one attack may make the server, or the worker, hold; they hold 0.1 and 0.4 GiB by themselves.
MOST = 2 * GIB


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("attacked")
    flags = [
        f"--model_config_file={golden.config('main.models.config', folder)}",
        f"--monitoring_config_file={golden.config('monitoring.config', folder)}",
        "--allow_version_labels_for_unavailable_models=true",
        "--max_num_load_retries=0",
    ]
    with servers.running(folder, *flags) as serving:
        yield Target(serving.rest, serving.grpc, serving.process.pid, folder)
    assert serving.process.returncode == 0


@pytest.fixture
def target(started: Target) -> Iterator[Target]:
    """The server; what holds after every attack is checked at the end."""
    (worker,) = asking.children(started.process)
    for pid in (started.process, worker):
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the most it held begins anew
    yield started
    assert started.over_rest("scale", [1.0]) == FINE
    assert started.over_grpc("scale", [1.0]) == FINE
    assert asking.children(started.process) == [worker]
    for pid in (started.process, worker):
        assert asking.most_memory(pid) < MOST
