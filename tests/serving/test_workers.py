"""What happens to the worker is an answer to some requests, and never the end of the server."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from converter.serving import workers as workers_module
from converter.serving.server import flags as command_lines
from converter.serving.server import server as servers_module
from converter.serving.server.config import ModelConfig
from converter.serving.status import Code, StatusError
from converter.serving.tensors import of_array
from converter.serving.workers import Limits, Workers, WorkerServable
from converter.toolchain import catalog
from converter.toolchain.link import Link
from converter.toolchain.pool import Pool
from testing import asking, golden, servers
from testing.asking import Answer, until, until_busy

TOOLCHAIN = "tf2.15"
pytestmark = [
    pytest.mark.toolchain(TOOLCHAIN),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]

MODELS = {name: golden.MODELS / name for name in ("scale", "vec", "fails")}
FOREVER = 2_000_000_000  # turns of `spin`: hours
A_WHILE = 300_000  # about a second
FINE = Answer(Code.OK, values=[3.5])
REFUSED = Code.RESOURCE_EXHAUSTED

Ask = Callable[..., Answer]


class Starts:
    """Gives links to workers of a pool, one after the other, and remembers them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.links: list[Link] = []
        self.doomed = 0  # so many of the next ones die as soon as they are there

    def __call__(self) -> Link:
        link = self._pool.link(catalog.get(TOOLCHAIN))
        self.links.append(link)
        if self.doomed:
            self.doomed -= 1
            self.kill()
        return link

    @property
    def pid(self) -> int:
        """The process of the newest worker."""
        return self.links[-1].session.process.pid

    def kill(self) -> None:
        """End the newest worker as the system does when it is out of memory."""
        os.kill(self.pid, signal.SIGKILL)
        self.links[-1].session.process.wait()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Workers that may be killed."""
    with Pool() as own:
        yield own


@pytest.fixture
def starts(pool: Pool) -> Starts:
    return Starts(pool)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as executor:
        yield executor


@contextlib.contextmanager
def serving(
    starts: Starts,
    *flags: str,
    models: Mapping[str, Path] = MODELS,
    limits: Limits | None = None,
    poll_seconds: float = 0,
) -> Iterator[asking.Server]:
    """An embedded server in this process."""
    line = command_lines.parse(["--max_num_load_retries=0", *flags])
    given = dataclasses.replace(line.flags, file_system_poll_wait_seconds=poll_seconds)  # type: ignore[arg-type]
    configs = tuple(ModelConfig(name, str(folder)) for name, folder in models.items())
    with (
        Workers(starts, limits=limits) as workers,
        servers_module.Server(workers, given) as server,
    ):
        server.start(configs, servers_module.Listen())
        assert server.rest_port
        assert server.grpc_port
        yield asking.Server(server.rest_port, server.grpc_port)


def both(server: asking.Server) -> tuple[Ask, Ask]:
    """The two ways to ask."""
    return server.over_rest, server.over_grpc


class Load:
    """Threads that ask again and again, in both ways, and count what they are told."""

    def __init__(self, server: asking.Server) -> None:
        self.told: Counter[Answer] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(ask,)) for ask in both(server) * 2
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, ask: Ask) -> None:
        while not self._stop.is_set():
            answer = ask("scale", [1.0])
            told = Answer(answer.code, values=str(answer.values))
            with self._lock:
                self.told[told] += 1
            if told.code is not Code.OK:
                time.sleep(0.05)  # a worker that starts needs the processors

    def fine(self) -> int:
        """How many got what they asked for."""
        return sum(count for answer, count in self.told.items() if answer.code is Code.OK)

    def goes_on(self) -> None:
        """Return when some more have got what they asked for."""
        wanted = self.fine() + 20
        until(lambda: self.fine() >= wanted)


# ---- the worker dies


def test_a_killed_worker_fails_what_is_under_way_and_nothing_else(
    starts: Starts, threads: ThreadPoolExecutor
) -> None:
    with serving(starts) as server:
        spinning = [threads.submit(ask, "fails", FOREVER, "spin") for ask in both(server)]
        until_busy(starts.pid)
        with Load(server) as load:
            starts.kill()
            for future in spinning:
                assert future.result().code is Code.UNAVAILABLE
            load.goes_on()
        for ask in both(server):
            assert ask("scale", [1.0]) == FINE
            assert ask("vec", [[1.0, 2.0, 3.0]]).code is Code.OK
            assert ask("fails", 10, "spin").code is Code.OK
        status = server.http("GET", "/v1/models/scale")[1]
        assert b"AVAILABLE" in status
    assert {answer.code for answer in load.told} <= {Code.OK, Code.UNAVAILABLE}
    assert {answer.values for answer in load.told} <= {"[3.5]", "None"}
    assert len(starts.links) == 2


def test_the_text_of_an_unavailable_answer_says_what_happened(
    starts: Starts, threads: ThreadPoolExecutor
) -> None:
    with serving(starts) as server:
        spinning = [threads.submit(ask, "fails", FOREVER, "spin") for ask in both(server)]
        until_busy(starts.pid)
        starts.kill()
        for future in spinning:
            assert "The worker of tf2.15 died during 'servable_run'" in future.result().text
        until(lambda: server.over_grpc("scale", [1.0]) == FINE)


def test_a_model_that_is_gone_from_the_disk_is_all_that_a_new_worker_lacks(
    starts: Starts, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(MODELS["scale"], copy)
    with serving(starts, models={**MODELS, "copy": copy}) as server:
        assert server.over_rest("copy", [1.0]) == FINE
        shutil.rmtree(copy)
        starts.kill()
        until(lambda: server.over_rest("scale", [1.0]) == FINE)
        for ask in both(server):
            assert ask("copy", [1.0]).code is not Code.OK
            assert ask("vec", [[1.0, 2.0, 3.0]]).code is Code.OK


def test_a_model_loaded_while_there_is_no_worker_waits_for_it(
    starts: Starts, tmp_path: Path
) -> None:
    base = tmp_path / "m"
    _add_version(base, 1)
    with serving(starts, models={"m": base}, poll_seconds=0.1) as server:
        os.kill(starts.pid, signal.SIGKILL)
        until(lambda: server.over_rest("m", [1.0]).code is not Code.OK)
        _add_version(base, 2)
        until(lambda: server.over_rest("m", [1.0]).code is Code.OK)
        until(lambda: _states(server, "m") == {"2": "AVAILABLE", "1": "END"})


def test_a_worker_that_dies_at_every_load_is_started_again_after_pauses(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only after pauses, and until it works."""
    monkeypatch.setattr(workers_module, "RESTART_PAUSES", (0.0, 0.0, 0.5))
    with serving(starts) as server:
        starts.doomed = 4
        began = time.monotonic()
        starts.kill()
        while starts.doomed:
            for ask in both(server):
                assert ask("scale", [1.0]).code is Code.UNAVAILABLE
            time.sleep(0.05)
            most = 1 + 2 + (time.monotonic() - began) / 0.5 + 1
            assert len(starts.links) <= most
        until(lambda: server.over_rest("scale", [1.0]) == FINE)
        assert len(starts.links) == 6


def test_closing_ends_the_attempts_to_start_a_worker(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "RESTART_PAUSES", (0.0, 0.05))
    with Workers(starts) as workers:
        servable = workers.load(MODELS["scale"] / "1", ["serve"])
        starts.doomed = 10**6
        starts.kill()
        with pytest.raises(StatusError, match="UNAVAILABLE"):
            _run(servable, 1)
        until(lambda: len(starts.links) > 3)
    time.sleep(0.2)  # for the attempt that was under way
    tried = len(starts.links)
    time.sleep(0.5)
    assert len(starts.links) == tried


# ---- more than it can do


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [(Limits(requests=2), [1] * 10), (Limits(bytes=1000), [100] * 10)],
    ids=["requests", "bytes"],
)
def test_more_than_the_limits_is_refused_and_the_rest_is_answered(
    starts: Starts, threads: ThreadPoolExecutor, limits: Limits, sizes: list[int]
) -> None:
    """Two fit, of ten: a number is 4 bytes."""
    with serving(starts, limits=limits) as server:
        os.kill(starts.pid, signal.SIGSTOP)
        try:
            asked = [
                threads.submit(ask, "scale", [1.0] * size)
                for size, ask in zip(sizes, both(server) * 5, strict=True)
            ]
            refused = [future.result() for future in islice(as_completed(asked), 8)]
            assert {answer.code for answer in refused} == {REFUSED}
            assert all("under way already" in answer.text for answer in refused)
            assert sum(not future.done() for future in asked) == 2
        finally:
            os.kill(starts.pid, signal.SIGCONT)
        codes = Counter(future.result().code for future in asked)
        assert codes == {REFUSED: 8, Code.OK: 2}
        for ask in both(server):
            assert ask("scale", [1.0]) == FINE


def test_a_single_request_is_never_too_large_for_an_idle_worker(starts: Starts) -> None:
    with Workers(starts, limits=Limits(bytes=10)) as workers:
        servable = workers.load(MODELS["scale"] / "2", ["serve"])
        assert _run(servable, 1000) == [3.5] * 1000


def test_models_come_and_go_when_no_more_can_be_run(
    starts: Starts, threads: ThreadPoolExecutor
) -> None:
    with Workers(starts, limits=Limits(requests=1)) as workers:
        spinning = workers.load(MODELS["fails"] / "1", ["serve"])
        asked = threads.submit(
            spinning.run, {"n:0": of_array(np.int32(A_WHILE))}, [_fetch(spinning, "spin")], None
        )
        until_busy(starts.pid)
        other = workers.load(MODELS["scale"] / "1", ["serve"])
        other.close()
        assert not asked.done()
        asked.result()


# ---- a model that takes for ever


@pytest.mark.parametrize("way", ["over_rest", "over_grpc"])
def test_a_hanging_model_holds_nobody_up_and_is_given_up_at_its_deadline(
    starts: Starts, threads: ThreadPoolExecutor, way: str
) -> None:
    """TensorFlow has a thread for each processor, so that one can hang and not more."""
    with serving(starts, "--rest_api_timeout_in_ms=3000") as server:
        own = {"timeout": 3.0} if way == "over_grpc" else {}
        spinning = threads.submit(getattr(server, way), "fails", FOREVER, "spin", **own)
        until_busy(starts.pid)
        for ask in both(server) * 5:
            assert ask("scale", [1.0]) == FINE
        assert not spinning.done()
        assert spinning.result().code is Code.DEADLINE_EXCEEDED
        # The worker has given it up as well.
        until(lambda: _is_idle(starts.pid))


def _is_idle(pid: int) -> bool:
    before = asking.cpu_ticks(pid)
    time.sleep(0.3)
    return asking.cpu_ticks(pid) - before < 5


# ---- the server ends, versions come and go


def test_a_signal_to_end_lets_requests_under_way_be_answered(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    flags = ("--model_name=fails", f"--model_base_path={MODELS['fails']}")
    with servers.running(tmp_path, *flags) as process:
        server = asking.Server(process.rest, process.grpc)
        (worker,) = asking.children(process.process.pid)
        asked = [threads.submit(ask, "fails", A_WHILE, "spin") for ask in both(server)]
        until_busy(worker)
        process.process.send_signal(signal.SIGTERM)
        for future in asked:
            assert future.result().code is Code.OK
        assert process.wait_end() == 0
        until(lambda: not Path(f"/proc/{worker}").exists())
    for port in (process.rest, process.grpc):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    assert "Traceback" not in process.log_text()


def test_no_request_fails_while_versions_are_replaced(starts: Starts, tmp_path: Path) -> None:
    base = tmp_path / "m"
    _add_version(base, 1)
    end = time.monotonic() + 8
    with (
        serving(starts, models={"scale": base}, poll_seconds=0.1) as server,
        Load(server) as load,
    ):
        version = 1
        while time.monotonic() < end or version < 4:
            version += 1
            _add_version(base, version)
            until(lambda: _states(server, "scale").get(str(version)) == "AVAILABLE")  # noqa: B023
            shutil.rmtree(base / str(version - 1))
            until(lambda: _states(server, "scale")[str(version - 1)] == "END")  # noqa: B023
            load.goes_on()
    assert {(answer.code, answer.values) for answer in load.told} == {
        (Code.OK, "[2.5]"),
        (Code.OK, "[3.5]"),
    }


def test_servers_that_share_a_worker_do_not_mix_up_their_models(starts: Starts) -> None:
    with (
        serving(starts, models={"scale": MODELS["scale"]}) as one,
        serving(starts, models={"scale": golden.MODELS / "scale_old"}) as other,
    ):
        assert len({link.session.process.pid for link in starts.links}) == 1
        for ask, ask_other in zip(both(one), both(other), strict=True):
            assert ask("scale", [1.0]).values == [3.5]
            assert ask_other("scale", [1.0]).values == [2.5]
    assert starts.links[-1].alive


def _add_version(base: Path, number: int) -> None:
    """Put a whole version folder in place at once; even and odd ones answer differently."""
    base.mkdir(exist_ok=True)
    new = base / f"new-{number}"
    shutil.copytree(MODELS["scale"] / str(1 + number % 2), new)
    new.rename(base / str(number))


def _states(server: asking.Server, model: str) -> dict[str, str]:
    told = json.loads(server.http("GET", f"/v1/models/{model}")[1])
    return {one["version"]: one["state"] for one in told["model_version_status"]}


def _fetch(servable: WorkerServable, signature: str) -> str:
    (output,) = servable.signatures[signature].outputs.values()
    return output.name


def _run(servable: WorkerServable, size: int) -> list[float]:
    feeds = {"x:0": of_array(np.ones(size, np.float32))}
    (answer,) = servable.run(feeds, [_fetch(servable, "serving_default")], None)
    values: list[float] = answer.array.tolist()
    return values
