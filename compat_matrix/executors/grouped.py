"""Do tasks at seats, those of a group one after the other at the same seat.

The tasks of a group share what takes long to start, such as a TensorFlow. A seat stays with its
group while that has tasks, then takes the one with most tasks of those that have the fewest seats.
"""

from __future__ import annotations

import functools
import queue
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from compat_matrix.executors.base import Executor, SeatLost

# How often a task is begun whose seat is lost: some take their process with them.
TRIES = 3
# Seconds after which it is looked for new seats while none is done.
LOOK_AGAIN = 2.0


@dataclass(frozen=True)
class Task:
    """`work(*arguments)`, to be done where the others of its group are; `name` is the caller's."""

    name: Any
    group: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...]


def run(tasks: Iterable[Task], executor: Executor) -> Iterator[tuple[Task, Any]]:
    """(task, what it gave) as they are done; a SeatLost where every try lost its seat.

    Raises what a task raised.
    """
    waiting: dict[str, deque[Task]] = {}
    for task in tasks:
        waiting.setdefault(task.group, deque()).append(task)
    done: queue.SimpleQueue[str] = queue.SimpleQueue()
    busy: dict[str, tuple[Task, Any]] = {}
    at: dict[str, str] = {}
    tries: Counter[Any] = Counter()
    while waiting or busy:
        for seat in executor.seats():
            if seat in busy or not waiting:
                continue
            at[seat] = group = _group(seat, waiting, at)
            task = waiting[group].popleft()
            if not waiting[group]:
                del waiting[group]
            future = executor.submit(seat, task.work, *task.arguments)
            busy[seat] = (task, future)
            future.add_done_callback(functools.partial(_tell, done, seat))
        try:
            seat = done.get(timeout=LOOK_AGAIN)
        except queue.Empty:
            continue
        task, future = busy.pop(seat)
        try:
            yield task, future.result()
        except SeatLost as lost:
            tries[task.name] += 1
            if tries[task.name] < TRIES:
                waiting.setdefault(task.group, deque()).append(task)
            else:
                yield task, lost


def _tell(done: queue.SimpleQueue[str], seat: str, _: object) -> None:
    done.put(seat)


def _group(seat: str, waiting: dict[str, deque[Task]], at: dict[str, str]) -> str:
    """The group that `seat` is to take its next task from."""
    if at.get(seat) in waiting:
        return at[seat]
    others = Counter(group for other, group in at.items() if other != seat)
    return max(waiting, key=lambda group: (-others[group], len(waiting[group])))
