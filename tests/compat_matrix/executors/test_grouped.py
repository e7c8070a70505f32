"""Which seat does what, and what becomes of tasks whose seat is lost."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from compat_matrix.executors.base import SeatLost
from compat_matrix.executors.grouped import TRIES, Task, run


class Threads:
    """Seats that are threads, and what each of them did."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.did: dict[str, list[Any]] = defaultdict(list)
        self._threads = ThreadPoolExecutor(8)

    def seats(self) -> Sequence[str]:
        return list(self.names)

    def submit(self, seat: str, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        self.did[seat].append(arguments[0])
        return self._threads.submit(work, *arguments)


def _tasks(work: Callable[..., Any], **groups: int) -> list[Task]:
    return [
        Task((group, number), group, work, ((group, number),))
        for group, count in groups.items()
        for number in range(count)
    ]


def test_everything_is_done_once_and_told_with_its_task() -> None:
    tasks = _tasks(lambda name: f"did {name}", a=5, b=3, c=1)
    told = dict(run(tasks, Threads(["one", "two"])))
    assert told == {task: f"did {task.name}" for task in tasks}


def test_a_seat_stays_with_its_group_and_no_two_share_one_while_another_waits() -> None:
    both = threading.Barrier(2)

    def work(name: tuple[str, int]) -> None:
        both.wait(10)  # so that the seats go at the same pace

    seats = Threads(["one", "two"])
    list(run(_tasks(work, a=4, b=4, c=2, d=2), seats))
    orders = [list(dict.fromkeys(group for group, _ in done)) for done in seats.did.values()]
    # Which of them takes c depends on who is first to have done with a or b.
    assert sorted(orders) in ([["a", "c"], ["b", "d"]], [["a", "d"], ["b", "c"]])


def test_the_last_group_is_shared() -> None:
    both = threading.Barrier(2)
    seats = Threads(["one", "two"])
    list(run(_tasks(lambda _: both.wait(10), a=6), seats))
    assert [len(done) for done in seats.did.values()] == [3, 3]


def test_a_task_whose_seat_is_lost_is_done_again() -> None:
    lost: list[object] = []

    def work(name: tuple[str, int]) -> str:
        if name == ("a", 1) and not lost:
            lost.append(name)
            raise SeatLost("gone")
        return "done"

    tasks = _tasks(work, a=3)
    assert dict(run(tasks, Threads(["one"]))) == dict.fromkeys(tasks, "done")


def test_a_task_that_loses_every_seat_is_told_as_lost() -> None:
    begun = []

    def work(name: tuple[str, int]) -> str:
        begun.append(name)
        if name == ("a", 0):
            raise SeatLost("gone")
        return "done"

    told = {task.name: answer for task, answer in run(_tasks(work, a=2), Threads(["one"]))}
    assert isinstance(told["a", 0], SeatLost)
    assert told["a", 1] == "done"
    assert begun.count(("a", 0)) == TRIES


def test_a_mistake_in_a_task_is_raised() -> None:
    def work(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(run(_tasks(work, a=1), Threads(["one"])))


def test_a_file_goes_along_and_one_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"bytes")
    tasks = [
        Task(path.name, "a", lambda *given: given, (path.name,), path)
        for path in (there, tmp_path / "missing")
    ]
    told = {task.name: given for task, given in run(tasks, Threads(["one"]))}
    assert told == {"there": ("there", b"bytes"), "missing": ("missing",)}


def test_a_seat_that_comes_later_is_used() -> None:
    seats = Threads([])
    timer = threading.Timer(0.1, seats.names.append, ["late"])
    timer.start()
    assert len(list(run(_tasks(lambda name: name, a=2), seats))) == 2
