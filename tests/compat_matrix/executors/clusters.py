"""A real Dask cluster on loopback: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 60


@dataclass
class Cluster:
    """Where it is, and its workers by their address."""

    address: str
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)


@contextlib.contextmanager
def running(count: int) -> Iterator[Cluster]:
    """A cluster of `count` workers without nannies: one that dies stays dead."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        told = Path(folder, "scheduler.json")
        bound = ("--host", "127.0.0.1", "--scheduler-file", str(told))
        _start(
            stack, folder, "distributed.cli.dask_scheduler", *bound, "--port", "0", "--no-dashboard"
        )
        cluster = Cluster(_address(told))
        started = [
            _start(
                stack,
                folder,
                "distributed.cli.dask_worker",
                *(cluster.address, "--host", "127.0.0.1", "--no-dashboard", "--no-nanny"),
                *("--nthreads", "1", "--name", str(number)),
            )
            for number in range(count)
        ]
        cluster.workers = _joined(cluster.address, started)
        yield cluster


def _start(
    stack: contextlib.ExitStack, folder: str, module: str, *arguments: str
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _address(told: Path) -> str:
    for _ in range(SECONDS * 20):
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(told.read_text())["address"])
        time.sleep(0.05)
    raise AssertionError("the scheduler did not start")


def _joined(
    address: str, started: list[subprocess.Popen[bytes]]
) -> dict[str, subprocess.Popen[bytes]]:
    """The workers by address, when all have joined."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(len(started), timeout=SECONDS)
        told = client.scheduler_info(n_workers=-1)["workers"]
        return {where: started[int(facts["name"])] for where, facts in told.items()}
