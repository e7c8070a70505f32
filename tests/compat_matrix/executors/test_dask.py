"""Workers of a real Dask cluster as seats."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compat_matrix import matrix
from compat_matrix.cells import Axes
from compat_matrix.executors import grouped
from compat_matrix.executors.dask import Dask
from compat_matrix.executors.grouped import Task
from compat_matrix.executors.local import Local
from compat_matrix.store import Store
from converter.errors import UsageError
from converter.toolchain import catalog
from converter.toolchain.provision import quiet
from tests.compat_matrix.executors import clusters
from tests.compat_matrix.executors.clusters import Cluster

FILES = ("multi-keras-2.1.6.h5", "nested-keras-2.2.4.h5", "batchnorm-keras-2.2.4.h5")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Three workers."""
    with clusters.running(3) as started:
        yield started


def test_each_worker_is_a_seat_and_a_lost_one_none(cluster: Cluster) -> None:
    with Dask(cluster.address) as dask:
        assert set(dask.seats()) == set(cluster.workers)
        pids = {seat: dask.submit(seat, os.getpid).result() for seat in dask.seats()}
        assert pids == {seat: process.pid for seat, process in cluster.workers.items()}


def test_what_a_lost_worker_was_doing_is_done_by_another_and_told_once(cluster: Cluster) -> None:
    with Dask(cluster.address) as dask:
        tasks = [Task(n, str(n), time.sleep, (0.3,)) for n in range(12)]
        told = []
        for task, _ in grouped.run(tasks, dask):
            told.append(task.name)
            if len(told) == 3:
                next(iter(cluster.workers.values())).kill()
        assert sorted(told) == list(range(12))


def test_no_scheduler_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compat_matrix.executors.dask.CONNECT_SECONDS", "1s")
    with pytest.raises(UsageError, match="There is no Dask scheduler at tcp"):
        Dask("tcp://127.0.0.1:9")


@pytest.mark.toolchain("tf1.12-keras2.1", "tf1.14-keras2.2", "tf1.15-keras2.3")
def test_the_results_are_those_of_this_machine_with_a_worker_killed_half_way(
    cluster: Cluster, fixtures_folder: Path, tmp_path: Path
) -> None:
    paths = [fixtures_folder / name for name in FILES]
    axes = Axes((catalog.get("tf1.15-keras2.3"),), ("direct", "builder"), ("1.15",))
    with Local(2) as local:
        here = matrix.run(paths, axes, local, Store(tmp_path / "here"), quiet)

    def tell(said: str) -> None:
        if said.startswith("2 of 6 cells"):
            next(iter(cluster.workers.values())).kill()

    with Dask(cluster.address) as dask:
        store = Store(tmp_path / "there")
        there = matrix.run(paths, axes, dask, store, tell, send=True)
    assert there == here
    assert {row.outcome.kind for row in there} == {"pass"}
    assert store.path.read_text().count("\n") == len(there) == 6
