"""A session turns everything that can happen to a worker into a typed error."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from converter.errors import WorkerDied, WorkerRaised, WorkerTimeout
from converter.toolchain import catalog, provision
from converter.toolchain.facts import Deadlines, LoadOptions
from converter.toolchain.session import Session, worker_environment

pytestmark = pytest.mark.toolchain("tf2.15")


@pytest.fixture
def python() -> Path:
    return provision.provide(catalog.get("tf2.15"))


@pytest.fixture
def session(python: Path) -> Iterator[Session]:
    with Session.start(python, name="tf2.15") as started:
        yield started


def test_hello_tells_the_versions_of_the_catalog(session: Session) -> None:
    hello = session.hello
    assert hello.tensorflow == "2.15.1"
    assert hello.flavours == {"tf.keras": "2.15.0"}
    assert hello.python.startswith("3.11.")


def test_an_exception_in_keras_comes_back_with_its_cause_and_the_worker_lives_on(
    session: Session, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.h5"
    with pytest.raises(WorkerRaised) as caught:
        session.load_h5(missing, LoadOptions("tf.keras"))
    assert caught.value.kind == "keras"
    assert "missing.h5" in caught.value.why
    assert "Traceback" in caught.value.log_tail
    assert session.alive
    assert session.hello.tensorflow == "2.15.1"


def test_what_the_worker_was_not_made_for_is_said_in_a_sentence(session: Session) -> None:
    with pytest.raises(WorkerRaised) as caught:
        session.predict([np.zeros((1, 2), np.float32)])
    assert caught.value.kind == "unsupported"
    assert "no model has been loaded" in caught.value.why


def test_a_killed_worker_is_a_typed_error_with_the_tail_of_its_log(session: Session) -> None:
    pid = session.hello.pid
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(WorkerDied) as caught:
        session.request("hello")
    killer.join()
    assert "SIGKILL" in caught.value.why
    assert "memory" in caught.value.why
    assert caught.value.exit_code == 7


def test_a_worker_that_runs_out_of_memory_is_a_typed_error(python: Path, tmp_path: Path) -> None:
    greedy = tmp_path / "greedy.py"
    greedy.write_text("import resource, numpy\nhog = numpy.zeros(1 << 44, 'u1') + 1\n")
    with Session.start(python, name="tf2.15") as started:
        options = LoadOptions("tf.keras", custom_objects=greedy)
        with pytest.raises(WorkerRaised) as caught:
            started.load_h5(tmp_path / "model.h5", options)
        assert caught.value.kind == "memory"


def test_a_hanging_worker_is_ended_at_its_deadline(python: Path) -> None:
    deadlines = Deadlines(request=0.5)
    with Session.start(python, name="tf2.15", deadlines=deadlines) as started:
        pid = started.hello.pid
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(WorkerTimeout) as caught:
            started.request("run_signature", signature="serving_default")
        assert "0.5 s" in caught.value.why
        assert not started.alive


def test_an_interrupted_request_ends_the_worker_before_anything_is_cleaned_up(
    session: Session,
) -> None:
    """A worker that writes on into a folder that is being removed would leave a part of it."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    os.kill(session.hello.pid, signal.SIGSTOP)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            session.request("hello")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not session.alive


def test_a_python_without_tensorflow_dies_with_the_reason(tmp_path: Path) -> None:
    import sys

    with Session.start(Path(sys.executable), name="bare") as started:
        with pytest.raises(WorkerDied) as caught:
            started.request("hello")
        assert "tensorflow" in caught.value.why


def test_prints_go_to_the_log_and_not_into_the_messages(python: Path, tmp_path: Path) -> None:
    noisy = tmp_path / "noisy.py"
    noisy.write_text("import os\nprint('said by python')\nos.write(1, b'said to fd 1')\n")
    log = tmp_path / "worker.log"
    with Session.start(python, name="tf2.15", log=log) as started:
        options = LoadOptions("tf.keras", custom_objects=noisy)
        with pytest.raises(WorkerRaised):
            started.load_h5(tmp_path / "model.h5", options)
        assert started.hello.tensorflow == "2.15.1"
    text = log.read_text()
    assert "said by python" in text
    assert "said to fd 1" in text


def test_a_worker_ends_when_its_orchestrator_is_gone(session: Session) -> None:
    assert session.hello.pid == session.process.pid
    assert session.process.stdin is not None
    session.process.stdin.close()
    assert session.process.wait(timeout=30) == 0


def test_closing_leaves_no_process_and_no_folder(python: Path) -> None:
    started = Session.start(python, name="tf2.15")
    pid = started.hello.pid
    folder = started.folder
    started.close()
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_closing_a_busy_worker_does_not_wait_for_it(python: Path) -> None:
    started = Session.start(python, name="tf2.15")
    os.kill(started.process.pid, signal.SIGSTOP)
    began = time.monotonic()
    started.close()
    assert started.process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 60  # not the 900 s a request may take


def test_no_secret_reaches_a_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("GITHUB_TOKEN", "hunter2")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    environment = worker_environment(tmp_path)
    assert "hunter2" not in environment.values()
    assert "PYTHONPATH" not in environment
    assert environment["HOME"] == str(tmp_path)


def test_what_a_worker_leaves_behind_goes_with_its_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", "/somewhere")
    assert worker_environment(tmp_path)["TMPDIR"] == str(tmp_path)
