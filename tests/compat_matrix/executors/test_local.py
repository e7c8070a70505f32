"""Processes of this machine as seats."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from compat_matrix.executors.base import SeatLost
from compat_matrix.executors.local import Local


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def local() -> Iterator[Local]:
    """Two seats."""
    with Local(2) as executor:
        yield executor


def test_each_seat_is_one_process_of_its_own(local: Local) -> None:
    pids = [{local.submit(seat, os.getpid).result() for _ in range(3)} for seat in local.seats()]
    assert [len(found) for found in pids] == [1, 1]
    assert len({os.getpid(), *pids[0], *pids[1]}) == 3


def test_a_process_that_dies_loses_its_task_and_is_replaced(local: Local) -> None:
    seat, other = local.seats()
    before, neighbour = (
        local.submit(seat, os.getpid).result(),
        local.submit(other, os.getpid).result(),
    )
    with pytest.raises(SeatLost):
        local.submit(seat, _die).result()
    assert local.submit(seat, os.getpid).result() not in (before, neighbour)
    assert local.submit(other, os.getpid).result() == neighbour


def test_no_process_is_left() -> None:
    with Local(2) as local:
        pids = [local.submit(seat, os.getpid).result() for seat in local.seats()]
    assert not any(map(_alive, pids))
