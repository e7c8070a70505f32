"""A link gives every request its own reply, whatever the order, and never lets one wait in vain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from converter.errors import WorkerDied, WorkerRaised, WorkerTimeout
from converter.toolchain.arena import SMALLEST, Arena
from converter.toolchain.link import Link
from converter.toolchain.session import Reply, Session
from converter.worker import protocol

PATIENCE = 30.0
SOON = 0.05
ARENA = 4 * SMALLEST

# A process at the other end of the streams that does as told, in the order it is told.
CHILD = """
import mmap, os, sys
from converter.worker import protocol

requests, replies = sys.stdin.buffer, sys.stdout.buffer
arena = mmap.mmap(int(sys.argv[1]), 0)
held, seen = [], []

def answer(header, tensors, **fields):
    told = dict(ok=True, result={"op": header["op"]}, id=header["id"])
    protocol.write(replies, dict(told, **fields), tensors.items())

while True:
    message = protocol.read(requests, arena)
    if message is None:
        break
    header, tensors = message
    operation = header["op"]
    seen.append(header["id"])
    if operation == "echo":
        answer(header, tensors)
    elif operation == "hold":
        held.append(message)
    elif operation == "release":
        while held:
            answer(*held.pop())
        answer(header, tensors)
    elif operation == "held":
        answer(header, tensors, result=len(held))
    elif operation == "seen":
        answer(header, tensors, result=seen)
    elif operation == "twice":
        answer(header, tensors)
        answer(header, tensors, result="again")
    elif operation == "stranger":
        answer(header, tensors, id=10**9)
        answer(header, tensors)
    elif operation == "fail":
        error = {"kind": "status", "code": 3, "message": "not so"}
        protocol.write(replies, {"id": header["id"], "ok": False, "error": error})
    elif operation == "die":
        os._exit(3)
    elif operation == "end":
        replies.close()
        os.close(1)
    elif operation == "babble":
        replies.write(b"no message at all")
        replies.flush()
    elif operation == "half":
        replies.write(protocol.MAGIC + b"\\xff\\0\\0\\0{")
        replies.flush()
        os._exit(0)
    elif operation == "huge":
        replies.write(protocol.MAGIC + (protocol.HEADER_LIMIT + 1).to_bytes(4, "little"))
        replies.flush()
"""


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Link]:
    log = tmp_path / "worker.log"
    arena = Arena(ARENA)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(arena.fd)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            start_new_session=True,
            pass_fds=[arena.fd],
        )
    folder = tmp_path / "session"
    folder.mkdir()
    with Session("stand-in", process, folder, log, arena=arena) as session:
        yield Link(session)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


Ask = Callable[..., Future[Reply]]


@pytest.fixture
def hold(link: Link, threads: ThreadPoolExecutor) -> Ask:
    """Send a request that is answered at the next `release`; returns when it has arrived."""

    def ask(number: int = 0, big: bool = False, **options: float) -> Future[Reply]:
        before = link.call("held", timeout=PATIENCE).result
        sent = large(number) if big else tensor(number)
        asked = threads.submit(link.call, "hold", sent, **options)
        while link.call("held", timeout=PATIENCE).result == before:
            pass
        return asked

    return ask


def tensor(number: int) -> list[tuple[str, np.ndarray]]:
    return [("x", np.full(3, number, np.int64))]


def large(number: int) -> list[tuple[str, np.ndarray]]:
    """A tensor that lies in the arena, where there is room."""
    return [("x", np.full(SMALLEST, number, np.uint8))]


def is_empty(link: Link) -> bool:
    """Whether nothing lies in the arena."""
    assert link.session.arena is not None
    place = link.session.arena.put(memoryview(bytes(ARENA)))
    if place is not None:
        link.session.arena.release(place)
    return place is not None


def number_of(reply: Reply) -> int:
    return int(reply.tensors["x"][0])


def test_a_reply_holds_the_result_and_the_tensors_in_their_order(link: Link) -> None:
    sent = [("b", np.arange(6, dtype=np.float32).reshape(2, 3)), ("a", np.array([b"s"], object))]
    reply = link.call("echo", sent)
    assert reply.result == {"op": "echo"}
    assert list(reply.tensors) == ["b", "a"]
    np.testing.assert_array_equal(reply.tensors["b"], sent[0][1])
    assert reply.tensors["a"].tolist() == [b"s"]


def test_replies_in_another_order_reach_those_who_asked(link: Link, hold: Ask) -> None:
    asked = [hold(number) for number in range(5)]
    assert not any(future.done() for future in asked)
    link.call("release")
    assert [number_of(future.result(PATIENCE)) for future in asked] == list(range(5))


def test_one_that_waits_holds_nobody_up(link: Link, hold: Ask) -> None:
    waiting = hold()
    assert [number_of(link.call("echo", tensor(n))) for n in range(20)] == list(range(20))
    assert not waiting.done()
    link.call("release")
    waiting.result(PATIENCE)


def test_many_threads_get_their_own_replies(link: Link, threads: ThreadPoolExecutor) -> None:
    def ask(number: int) -> bool:
        size = 1 + number * 97 % 5000
        sent = np.full(size, number)
        found = link.call("echo", [("x", sent)]).tensors["x"]
        return bool(np.array_equal(found, sent))

    assert all(threads.map(ask, range(800)))


def test_every_request_has_an_id_of_its_own(link: Link, threads: ThreadPoolExecutor) -> None:
    list(threads.map(lambda number: link.call("echo", tensor(number)), range(200)))
    seen: object = link.call("seen").result
    assert isinstance(seen, list)
    assert len(seen) == len(set(seen)) == 201


def test_a_reply_that_comes_too_late_is_dropped(link: Link, hold: Ask) -> None:
    late = hold(7, timeout=SOON)
    with pytest.raises(WorkerTimeout) as caught:
        late.result(PATIENCE)
    assert "'hold'" in str(caught.value)
    assert "0.05 s" in caught.value.why
    assert link.alive
    link.call("release")
    assert number_of(link.call("echo", tensor(8))) == 8


def test_a_failure_at_the_other_end_keeps_its_code_and_its_text(link: Link) -> None:
    with pytest.raises(WorkerRaised) as caught:
        link.call("fail")
    assert (caught.value.kind, caught.value.code) == ("status", 3)
    assert caught.value.message == "not so"
    assert link.call("echo").result == {"op": "echo"}


@pytest.mark.parametrize("operation", ["stranger", "twice"])
def test_replies_that_nobody_waits_for_are_dropped(link: Link, operation: str) -> None:
    for _ in range(20):
        assert link.call(operation, timeout=PATIENCE).result == {"op": operation}
    assert number_of(link.call("echo", tensor(1), timeout=PATIENCE)) == 1


def test_what_cannot_be_sent_leaves_the_link_whole(link: Link) -> None:
    with pytest.raises(protocol.ProtocolError, match="datetime64"):
        link.call("echo", [*tensor(1), ("when", np.array(["2020-01-01"], "datetime64[D]"))])
    assert number_of(link.call("echo", tensor(2))) == 2


@pytest.mark.parametrize("operation", ["die", "end", "babble", "half", "huge"])
def test_all_who_wait_are_told_when_the_replies_end(
    link: Link, hold: Ask, threads: ThreadPoolExecutor, operation: str
) -> None:
    asked = [hold(number) for number in range(3)]
    asked.append(threads.submit(link.call, operation))
    for future in asked:
        with pytest.raises(WorkerDied) as caught:
            future.result(PATIENCE)
        assert caught.value.why
    assert not link.alive


@pytest.mark.parametrize("operation", ["die", "babble"])
def test_later_requests_fail_at_once(link: Link, operation: str) -> None:
    with pytest.raises(WorkerDied):
        link.call(operation)
    for _ in range(3):
        with pytest.raises(WorkerDied) as caught:
            link.call("echo", timeout=PATIENCE)
        assert "'echo'" in str(caught.value)


def test_a_killed_process_fails_all_who_wait(link: Link, hold: Ask) -> None:
    asked = [hold(number) for number in range(3)]
    os.kill(link.session.process.pid, signal.SIGKILL)
    for future in asked:
        with pytest.raises(WorkerDied):
            future.result(PATIENCE)


def test_death_among_many_requests_leaves_none_waiting(
    link: Link, threads: ThreadPoolExecutor
) -> None:
    began = threading.Barrier(9)

    def ask_until_it_ends(number: int) -> str:
        for count in range(10**9):
            try:
                assert number_of(link.call("echo", tensor(number), timeout=PATIENCE)) == number
            except WorkerDied as error:
                return error.id
            if count == 10:
                began.wait(PATIENCE)
        return ""

    asked = [threads.submit(ask_until_it_ends, number) for number in range(8)]
    began.wait(PATIENCE)
    os.kill(link.session.process.pid, signal.SIGKILL)
    assert {future.result(PATIENCE) for future in asked} == {WorkerDied.id}


# ---- large tensors lie in memory that both have


def test_what_lies_in_the_arena_stays_there_until_it_is_answered(link: Link, hold: Ask) -> None:
    """Two wait in it, one is asked beside them again and again, more find no room."""
    asked = [hold(number, big=True) for number in (1, 2)]
    for number in range(3, 30):
        assert number_of(link.call("echo", large(number))) == number
    asked += [hold(number, big=True) for number in range(30, 34)]
    assert not is_empty(link)
    link.call("release")
    assert [number_of(future.result(PATIENCE)) for future in asked] == [1, 2, *range(30, 34)]
    assert is_empty(link)


def test_many_threads_share_the_arena(link: Link, threads: ThreadPoolExecutor) -> None:
    def ask(number: int) -> bool:
        found = link.call("echo", large(number)).tensors["x"]
        return bool((found == number).all() and len(found) == SMALLEST)

    assert all(threads.map(ask, [n % 256 for n in range(400)]))
    assert is_empty(link)


def test_a_late_reply_gives_the_arena_back(link: Link, hold: Ask) -> None:
    late = hold(7, big=True, timeout=SOON)
    with pytest.raises(WorkerTimeout):
        late.result(PATIENCE)
    assert not is_empty(link)  # the other side may still read it
    link.call("release")
    assert is_empty(link)


def test_what_cannot_be_sent_is_not_left_in_the_arena(link: Link) -> None:
    with pytest.raises(protocol.ProtocolError):
        link.call("echo", [*large(1), ("when", np.array(["2020-01-01"], "datetime64[D]"))])
    assert is_empty(link)
