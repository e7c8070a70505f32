"""Versions come, go and fail: the embedded server passes through the recorded states, in order.

The stories, their states, answers and log lines are those of narrated.md; the tests say what is
done at each step. Polls and pauses between retries are shortened, which changes no order.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from converter.serving.status import StatusError
from converter.toolchain.pool import Pool
from testing import golden, narrated
from testing.narrated import Story
from testing.stage import CLOSED, Embedded, Stage, Watch, until

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]

NEVER_AGAIN = "--max_num_load_retries=0"


@pytest.fixture
def stage(tmp_path: Path, pool: Pool, caplog: pytest.LogCaptureFixture) -> Stage:
    return Stage(tmp_path, pool, caplog)


class Telling:
    """A story about the model m, told step by step on a server."""

    def __init__(self, stage: Stage, server: Embedded, title: str) -> None:
        self._stage, self._server = stage, server
        self._story: Story = narrated.stories()[title]

    def step(self, title: str, *done: Callable[[], object]) -> None:
        """Do it; the states until it has settled, predictions and the log are as recorded."""
        recorded = self._story.step(title)
        states = [narrated.filled(states, self._stage.folder) for states in recorded.states]
        self._stage.forget()
        with Watch(self._server) as watch:
            for do in done:
                do()
            if len(states) > 1:
                until(lambda: self._server.states() == states[-1], lambda: watch.seen)
            else:
                self._stage.tick(self._server)
        assert narrated.follows(watch.seen, states), watch.seen
        for answer in recorded.predicts:
            assert self._server.predict() == answer
        self._stage.await_logged(*recorded.logged)


def test_a_new_version_takes_over_and_an_old_one_comes_back(stage: Stage) -> None:
    stage.put("n1/1", "scale/1")
    with stage.serving(stage.config('name: "m" base_path: "${DIR}/n1"')) as server:
        assert server.states() == "1 AVAILABLE"
        story = Telling(stage, server, "New version appears, then goes, default policy (latest 1)")
        story.step("version 2 is moved in", lambda: stage.put("n1/2", "scale/2"))
        assert server.predict("m/versions/1") == (
            '404 {"error": "Servable not found for request: Specific(m, 1)"}'
        )
        story.step("version 2 is removed", lambda: stage.take("n1/2"))
        story.step("version 1, the last one, is removed", lambda: stage.take("n1/1"))
        story.step("version 2 comes back", lambda: stage.put("n1/2", "scale/2"))
        story.step("a lower version 1 comes", lambda: stage.put("n1/1", "scale/1"))
        story.step(
            "non-number directory abc comes, 1 is renamed to 10",
            lambda: stage.put("n1/abc", "scale/1"),
            lambda: (stage.folder / "n1/1").rename(stage.folder / "n1/10"),
        )


def test_a_version_that_failed_is_never_tried_again_and_the_old_one_goes_on(stage: Stage) -> None:
    stage.put("n2/1", "scale/1")
    config = stage.config('name: "m" base_path: "${DIR}/n2"')
    with stage.serving(config, NEVER_AGAIN) as server:
        story = Telling(
            stage, server, "Broken version 2 appears while 1 serves (--max_num_load_retries=0)"
        )
        story.step("broken version 2 moved in", lambda: stage.put("n2/2", "broken/1"))
        assert server.predict("m/versions/2") == (
            '404 {"error": "Servable not found for request: Specific(m, 2)"}'
        )
        story.step(
            "version 2 is replaced by a good one under the same number",
            lambda: stage.take("n2/2"),
            lambda: stage.put("n2/2", "scale/2"),
        )
        story.step("version 2 removed", lambda: stage.take("n2/2"))
        story.step(
            "good version 2 put back after the removal was seen",
            lambda: stage.put("n2/2", "scale/2"),
        )
        story.step("good version 3", lambda: stage.put("n2/3", "scale/2"))


def test_a_broken_version_is_tried_as_often_as_the_flags_say(stage: Stage) -> None:
    stage.put("n3/1", "scale/1")
    config = stage.config('name: "m" base_path: "${DIR}/n3"')
    # The recording waits 1.5 s before each retry.
    retries = ("--max_num_load_retries=2", "--load_retry_interval_micros=200000")
    with stage.serving(config, *retries) as server:
        story = Telling(
            stage,
            server,
            "Broken version 2 with --max_num_load_retries=2 --load_retry_interval_micros=1500000",
        )
        story.step("broken version 2 moved in", lambda: stage.put("n3/2", "broken/1"))


def test_a_broken_version_waits_a_minute_for_its_retry_whatever_happens_to_it(stage: Stage) -> None:
    stage.put("n3b/1", "scale/1")
    with stage.serving(stage.config('name: "m" base_path: "${DIR}/n3b"')) as server:
        story = Telling(
            stage,
            server,
            "Broken version 2 with the default retries (5 at one-minute intervals), first 8 s; "
            "then the file is repaired in place",
        )
        story.step("broken version 2 moved in", lambda: stage.put("n3b/2", "broken/1"))
        story.step(
            "saved_model.pb repaired, watched 3 s",
            lambda: stage.replace_file("n3b/2/saved_model.pb", "scale/2/saved_model.pb"),
        )


def test_names_of_folders_are_numbers_in_many_spellings_or_are_no_versions(stage: Stage) -> None:
    """Four stories at once, each a model:
    Two directories with the same number ("1" and "001")
    Directories "0" and "-3"
    Only a directory "-3"
    Directories "1", "2.0", "v3", "1e3", "99999999999999999999"
    """
    folders = {
        "twice": {"1": "scale/1", "001": "scale/2"},
        "zero": {"0": "scale/1", "-3": "scale/2"},
        "minus": {"-3": "scale/2"},
        "odd": dict.fromkeys(["1", "2.0", "v3", "1e3", "99999999999999999999"], "scale/1"),
    }
    for base, versions in folders.items():
        for name, model in versions.items():
            stage.put(f"{base}/{name}", model)
    models = [f'name: "{base}" base_path: "${{DIR}}/{base}"' for base in folders]
    with stage.serving(stage.config(*models)) as server:
        assert [server.states(base) for base in folders] == [
            "1 AVAILABLE",
            "0 AVAILABLE",
            "-3 AVAILABLE",
            "1 AVAILABLE",
        ]
        assert [server.predict(base) for base in ("twice", "zero", "minus")] == [
            '200 {"predictions": [2.5]}',
            '200 {"predictions": [2.5]}',
            '200 {"predictions": [3.5]}',
        ]
        assert set(stage.lines("WARNING")) == {
            "Duplicate version directories detected. Version 1 will be loaded from 1, 001 will be "
            "ignored."
        }


def test_a_plain_file_with_a_number_for_a_name_is_a_version_that_fails(stage: Stage) -> None:
    stage.put("n4d/1", "scale/1")
    stage.write("n4d/7", "no model")
    told = _start_failure(stage, "n4d")
    _compare_failure(stage, 'A plain file named "7" beside version 1', told)


def test_a_version_without_a_model_keeps_the_server_from_starting(stage: Stage) -> None:
    (stage.folder / "n6b/1").mkdir(parents=True)
    told = _start_failure(stage, "n6b")
    _compare_failure(
        stage,
        "A version directory that fills slowly (saved_model.pb comes after the directory), "
        "--max_num_load_retries=0",
        told,
    )


def _start_failure(stage: Stage, base: str) -> str:
    """What is said when model m under `base` keeps the server from starting; no port opens."""
    flags = ("--model_name=m", f"--model_base_path={stage.folder / base}", NEVER_AGAIN)
    with stage.server(*flags) as server, pytest.raises(StatusError) as caught:
        server.wait_ready()
    assert server.states() == CLOSED
    return f"Failed to start server. Error: {caught.value}"


def _compare_failure(stage: Stage, title: str, told: str) -> None:
    printed = [line for line in narrated.stories()[title].logged if not line.level]
    assert told.splitlines()[0] == narrated.filled(printed[0].text, stage.folder)
    stage.await_logged(*(line for line in narrated.stories()[title].logged if line.level))


def test_a_version_that_fills_slowly_has_failed_for_good(stage: Stage) -> None:
    stage.put("n6c/1", "scale/1")
    config = stage.config('name: "m" base_path: "${DIR}/n6c"')
    with stage.serving(config, NEVER_AGAIN) as server:
        story = Telling(
            stage,
            server,
            "The same while version 1 serves: directory 2 is made empty and filled 3 s later",
        )
        story.step("", (stage.folder / "n6c/2").mkdir)
        story.step(
            "filled",
            lambda: stage.replace_file("n6c/2/saved_model.pb", "scale/2/saved_model.pb"),
        )


def test_no_port_opens_before_a_first_version_comes(stage: Stage) -> None:
    (stage.folder / "n5").mkdir()
    title = "Empty base directory at start, a version comes later"
    flags = ("--model_name=m", f"--model_base_path={stage.folder / 'n5'}")
    with stage.server(*flags) as server:
        stage.await_logged(*narrated.stories()[title].logged, times=2)
        Telling(stage, server, title).step(
            "version 1 moved in", lambda: stage.put("n5/1", "scale/1")
        )


def test_a_base_folder_may_come_later_and_a_version_outlives_it(stage: Stage) -> None:
    title = "Base directory missing at start, it comes later"
    flags = ("--model_name=m", f"--model_base_path={stage.folder / 'n5b'}")
    with stage.server(*flags) as server:
        missing = narrated.stories()[title].steps[0].logged
        stage.await_logged(*missing, times=2)
        Telling(stage, server, title).step(
            "base directory with version 1 made", lambda: stage.put_base("n5b", v1="scale/1")
        )
        stage.take("n5b")
        stage.forget()
        with Watch(server) as watch:
            stage.await_logged(*missing, times=2)
        removed = narrated.stories()[title].step("whole base directory removed")
        assert watch.seen == removed.states
        assert [server.predict()] == removed.predicts


def test_a_version_that_was_loaded_does_not_change_with_its_files(stage: Stage) -> None:
    """Contents of a loaded version change in place"""
    stage.put("n6/1", "scale/1")
    with stage.serving(stage.config('name: "m" base_path: "${DIR}/n6"')) as server:
        stage.replace_file("n6/1/saved_model.pb", "scale/2/saved_model.pb")
        stage.tick(server)
        stage.tick(server)
        assert server.predict() == '200 {"predictions": [2.5]}'
        assert server.states() == "1 AVAILABLE"


def test_policies_keep_as_many_versions_as_they_say(stage: Stage) -> None:
    """Policies all and latest 2: versions come and go"""
    for version in ("1", "2"):
        stage.put(f"n7/{version}", "scale/1")
    policies = {"all": "all {}", "two": "latest { num_versions: 2 }"}
    config = stage.config(
        *(
            f'name: "{name}" base_path: "${{DIR}}/n7" model_version_policy {{ {policy} }}'
            for name, policy in policies.items()
        )
    )

    def settle(of_all: str, of_two: str) -> None:
        until(
            lambda: (server.states("all"), server.states("two")) == (of_all, of_two),
            lambda: (server.states("all"), server.states("two")),
        )
        stage.tick(server)
        assert (server.states("all"), server.states("two")) == (of_all, of_two)

    with stage.serving(config) as server:
        stage.put("n7/3", "scale/2")
        settle("3 AVAILABLE, 2 AVAILABLE, 1 AVAILABLE", "3 AVAILABLE, 2 AVAILABLE, 1 END")
        stage.take("n7/3")
        settle("3 END, 2 AVAILABLE, 1 AVAILABLE", "3 END, 2 AVAILABLE, 1 AVAILABLE")


@pytest.mark.parametrize(
    "seen",
    [
        ["1 AVAILABLE", "2 AVAILABLE, 1 END"],
        ["1 AVAILABLE", "2 LOADING, 1 AVAILABLE", "2 AVAILABLE, 1 UNLOADING", "2 AVAILABLE, 1 END"],
    ],
)
def test_sampled_states_may_leave_out_or_hold_what_lasts_a_moment(seen: list[str]) -> None:
    assert narrated.follows(seen, _TAKEN_OVER)


@pytest.mark.parametrize(
    "seen",
    [
        [],
        ["1 AVAILABLE"],
        ["1 AVAILABLE", "2 LOADING, 1 END", "2 AVAILABLE, 1 END"],
        ["1 AVAILABLE", "2 START, 1 UNLOADING", "2 AVAILABLE, 1 END"],
        ["1 AVAILABLE", "2 LOADING, 1 AVAILABLE", "2 START, 1 AVAILABLE", "2 AVAILABLE, 1 END"],
        ["1 AVAILABLE", "2 END (UNKNOWN: no), 1 AVAILABLE", "2 AVAILABLE, 1 END"],
    ],
)
def test_states_in_another_order_are_told_apart(seen: list[str]) -> None:
    assert not narrated.follows(seen, _TAKEN_OVER)


_TAKEN_OVER = ["1 AVAILABLE", "2 START, 1 AVAILABLE", "2 AVAILABLE, 1 END"]
