"""Workers are shared between jobs, kept apart by purpose, bounded in number, and ended."""

from __future__ import annotations

import os

import pytest

from converter.errors import InterpreterMissing
from converter.toolchain import catalog, provision
from converter.toolchain.catalog import Toolchain
from converter.toolchain.pool import LIVE, Pool

SMALL = "tf1.4-keras1.2"

pytestmark = pytest.mark.toolchain(SMALL)


def test_one_worker_serves_many_jobs_of_one_purpose() -> None:
    toolchain = catalog.get(SMALL)
    with Pool() as pool:
        first = pool.session(toolchain, "graph")
        assert pool.session(toolchain, "graph") is first
        assert pool.session(toolchain, "graph", "prove") is not first
        assert pool.session(toolchain, "eager") is not first


def test_a_worker_that_died_is_replaced() -> None:
    toolchain = catalog.get(SMALL)
    with Pool() as pool:
        first = pool.session(toolchain, "graph")
        first.kill()
        second = pool.session(toolchain, "graph")
        assert second is not first
        assert second.hello.tensorflow == toolchain.tensorflow


def test_the_least_recently_used_workers_make_room_for_new_ones() -> None:
    toolchain = catalog.get(SMALL)
    with Pool() as pool:
        first = pool.session(toolchain, "graph", "0")
        second = pool.session(toolchain, "graph", "1")
        for number in range(2, LIVE):
            pool.session(toolchain, "graph", str(number))
        pool.session(toolchain, "graph", "0")
        pool.session(toolchain, "graph", "one more")
        assert first.alive
        assert not second.alive


def test_a_worker_that_serves_is_nobody_elses() -> None:
    """Two readers of one stream would wait for ever for what the other took."""
    with Pool() as pool, pytest.raises(ValueError, match="link"):
        pool.session(catalog.get(SMALL), "graph", "serve")


def test_leaving_the_pool_ends_every_worker() -> None:
    with Pool() as pool:
        sessions = [pool.session(catalog.get(SMALL), "graph", str(n)) for n in range(2)]
        folders = [session.folder for session in sessions]
    assert not any(session.alive for session in sessions)
    assert not any(folder.exists() for folder in folders)
    for session in sessions:
        with pytest.raises(ProcessLookupError):
            os.kill(session.process.pid, 0)


def test_a_toolchain_that_cannot_be_had_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def missing(toolchain: Toolchain, _: object) -> None:
        asked.append(toolchain.id)
        raise InterpreterMissing("no Python")

    monkeypatch.setattr(provision, "provide", missing)
    with Pool() as pool:
        for _ in range(2):
            with pytest.raises(InterpreterMissing):
                pool.session(catalog.get(SMALL), "graph")
    assert asked == [SMALL]
