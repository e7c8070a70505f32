"""The child process in which files are read ends by itself, whatever the file does to it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from converter import isolation
from converter.errors import NotDirect
from converter.isolation import READS, Child, ChildBroken

HANG = Path(__file__).parent / "attacks" / "files" / "hang-1.h5"
HERE = __name__


@pytest.fixture(autouse=True)
def _child_that_imports_this_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child imports from where `converter` is installed, where there are no tests."""
    monkeypatch.setattr(isolation, "ROOT", Path(__file__).parents[1])


def work(given: dict[str, Any]) -> Any:
    """What the child is made to do here."""
    match given["do"]:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "raise":
            raise RuntimeError("of all things")
        case "refuse":
            raise NotDirect("what", why="why", fix="fix")
        case "hang":
            time.sleep(600)
    return {"pid": os.getpid(), "secret": os.environ.get("GITHUB_TOKEN"), **given}


def test_question_after_question_is_answered_by_the_same_process() -> None:
    with Child() as child:
        first, second = (child.ask(HERE, {"do": "tell", "n": n}, seconds=60) for n in (1, 2))
    assert (first["n"], second["n"]) == (1, 2)
    assert first["pid"] == second["pid"] != os.getpid()


def test_an_expected_error_comes_as_it_was_raised_and_the_child_lives_on() -> None:
    with Child() as child:
        before = child.ask(HERE, {"do": "tell"}, seconds=60)
        with pytest.raises(NotDirect) as caught:
            child.ask(HERE, {"do": "refuse"}, seconds=60)
        assert (caught.value.what, caught.value.why, caught.value.fix) == ("what", "why", "fix")
        assert child.ask(HERE, {"do": "tell"}, seconds=60)["pid"] == before["pid"]


@pytest.mark.parametrize(
    ("do", "seconds", "told"),
    [
        ("crash", 60.0, f"ended with code -{int(signal.SIGSEGV)}"),
        ("raise", 60.0, "RuntimeError: of all things"),
        ("hang", 1.0, "more than 1 s"),
    ],
)
def test_a_child_that_broke_says_how_and_the_next_question_gets_another(
    do: str, seconds: float, told: str
) -> None:
    with Child(HERE) as child:
        before = child.ask(HERE, {"do": "tell"}, seconds=60)
        with pytest.raises(ChildBroken, match=told):
            child.ask(HERE, {"do": do}, seconds=seconds)
        assert child.ask(HERE, {"do": "tell"}, seconds=60)["pid"] != before["pid"]


def test_no_process_is_left_behind() -> None:
    with Child() as child:
        pid = child.ask(HERE, {"do": "tell"}, seconds=60)["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_whose_caller_is_gone_ends_by_its_own_limit() -> None:
    given = {"path": str(HANG), "size": HANG.stat().st_size}
    question = {"module": "converter.source.isolated", "given": given, "seconds": 1.0}
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [sys.executable, "-m", "converter.isolation", *READS],
        input=json.dumps(question).encode() + b"\n",
        check=False,
        capture_output=True,
    )
    assert done.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 10


def test_no_secret_reaches_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "hunter2")
    monkeypatch.setenv("HDF5_PLUGIN_PATH", "/plugins")
    with Child() as child:
        assert child.ask(HERE, {"do": "tell"}, seconds=60)["secret"] is None
    assert "HDF5_PLUGIN_PATH" not in isolation._environment()
