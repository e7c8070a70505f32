"""The commands of a report: those the command line takes, doing what was asked, fit for a shell."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest

from converter.cli import convert, main, verify
from converter.options import Options
from converter.plan import Target
from converter.report import commands
from converter.report.commands import Command
from converter.report.model import AttemptReport, Report
from converter.toolchain import catalog
from testing import reports

EVERYTHING = Options(
    strategy="builder",
    toolchain="tf2.15",
    python=Path("/opt/env/bin/python"),
    model_version=7,
    signatures=("predict", "classify"),
    tags=("serve", "gpu"),
    rename_inputs={"x": "image", "y": "mask"},
    rename_outputs={"dense": "scores"},
    freeze=True,
    serving="docker:2.2.0",
    serving_image="registry:5000/serving",
    verify=False,
    inputs=Path("in.npz"),
    expected=Path("out.npz"),
    samples=9,
    rtol=1e-3,
    atol=1e-6,
    seed=3,
    custom_objects=Path("own.py"),
    allow_lambda=("sha256:12", "sha256:34"),
    architecture=Path("model.json"),
    timeout=60.0,
)


def _found(report: Report) -> dict[str, Command]:
    return {command.what: command for command in commands.commands(report)}


def _arguments(command: Command) -> list[str]:
    """The words as a shell hands them on, without the program and its verb."""
    return shlex.split(" ".join(command.words))[2:]


def _options(of: click.Command, command: Command) -> Options:
    """What the command line makes of the words."""
    values: dict[str, Any] = of.make_context("verb", _arguments(command)).params
    if "no_verify" in values:
        values["verify"] = not values["no_verify"]
    names = {field.name for field in dataclasses.fields(Options)}
    return Options(**{name: value for name, value in values.items() if name in names})


def _same(a: Options, b: Options) -> bool:
    return {k: _plain(v) for k, v in vars(a).items()} == {k: _plain(v) for k, v in vars(b).items()}


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def test_every_option_of_a_conversion_can_be_repeated() -> None:
    default = Options()
    for field in dataclasses.fields(Options):
        assert getattr(EVERYTHING, field.name) != getattr(default, field.name), field.name


@pytest.mark.parametrize("options", [Options(), EVERYTHING], ids=["defaults", "everything"])
def test_doing_it_again_asks_for_what_was_asked(options: Options) -> None:
    again = _found(dataclasses.replace(reports.published(), options=options))["Do all of it again"]
    assert _same(_options(convert.command, again), options)


def test_what_is_the_default_is_left_out() -> None:
    report = dataclasses.replace(reports.published(), options=Options())
    again = _found(report)["Do all of it again"]
    assert again.words == ["convert-h5", "convert", "digits-keras-2.1.6.h5", "models/digits"]


def test_an_attempt_is_repeated_with_nothing_left_to_choose() -> None:
    found = _found(reports.published())
    repeated = _options(convert.command, found["Repeat attempt 2 alone: builder"])
    assert (repeated.strategy, repeated.freeze) == ("builder", False)
    assert (repeated.toolchain, repeated.serving) == ("tf1.12-keras2.1", "local:1.14.0")
    assert repeated.signatures == ("predict",)


def test_the_toolchain_of_every_target_is_found_in_what_it_is_called() -> None:
    for toolchain in catalog.load().values():
        target = Target(toolchain, toolchain.flavours[0].name, "because")
        attempt = AttemptReport("builder", str(target), frozen=True)
        report = dataclasses.replace(reports.published(), attempts=[attempt])
        repeated = _found(report)["Repeat attempt 1 alone: builder, frozen"]
        assert _options(convert.command, repeated).toolchain == toolchain.id


def test_an_environment_of_the_users_own_stays_what_it_is() -> None:
    attempt = AttemptReport("builder", "tf.keras in python:/opt/bin/python", frozen=False)
    options = Options(python=Path("/opt/bin/python"))
    report = dataclasses.replace(reports.published(), attempts=[attempt], options=options)
    repeated = _options(convert.command, _found(report)["Repeat attempt 1 alone: builder"])
    assert (repeated.python, repeated.toolchain) == (options.python, "auto")


def test_an_image_is_told_by_its_tag() -> None:
    report = dataclasses.replace(
        reports.published(), serving="docker:2.2.0 (tensorflow/serving:2.2.0@sha256:12)"
    )
    repeated = _found(report)["Repeat attempt 1 alone: contrib"]
    assert _options(convert.command, repeated).serving == "docker:2.2.0"


def test_a_verification_is_repeated_with_all_that_it_takes() -> None:
    report = dataclasses.replace(reports.verified(), options=EVERYTHING)
    again = _found(report)["Verify it again"]
    assert _arguments(again)[:2] == ["models/digits/3", "digits-keras-2.1.6.h5"]
    default = Options()
    left_out = {name: getattr(default, name) for name in (*commands.NOT_OF_VERIFY, "verify")}
    wanted = dataclasses.replace(EVERYTHING, **left_out)
    assert _same(_options(verify.command, again), wanted)


def test_what_was_published_can_be_verified_served_and_asked() -> None:
    found = _found(reports.published())
    assert found["Verify what was published"].words == [
        *("convert-h5", "verify", "models/digits/3", "digits-keras-2.1.6.h5"),
        *("--serving", "local:1.14.0"),
    ]
    assert found["Serve it, without Docker"].words == [
        *("convert-h5", "serve", "--model_name=digits"),
        f"--model_base_path={Path('models/digits').absolute()}",
        *("--rest_api_port=8501", "--port=8500"),
    ]
    asked = found["Ask what is served"].words
    assert asked == ["convert-h5", "call", "http://127.0.0.1:8501/v1/models/digits"]


def test_a_run_that_published_nothing_has_nothing_to_serve() -> None:
    verbs = [command.words[1] for command in commands.commands(reports.differing())]
    assert verbs == ["inspect", "convert", "convert"]


@pytest.mark.parametrize("report", [reports.published(), reports.verified(), reports.hostile()])
def test_only_verbs_that_there_are_are_told(report: Report) -> None:
    assert {command.words[1] for command in commands.commands(report)} <= set(main.VERBS)


def test_a_path_is_not_taken_for_an_option() -> None:
    again = _found(reports.hostile())["Do all of it again"]
    assert again.words[3] == "./--help"


@pytest.mark.parametrize(
    "word",
    [
        *(
            "plain",
            "two words",
            "it's",
            'say "so"',
            "$(id) `id` ${HOME} !!",
            "back\\slash",
            "*?[a]~",
        ),
        *(
            "",
            "über 模型",
            "tab\tnew\nline",
            "'\x1b]0;title\x07\\",
            "\u202e\u200b\x85",
            "\U0001f600\x7f",
        ),
        "no \udcff utf-8",
    ],
)
def test_a_word_comes_out_of_the_shell_as_it_was(word: str) -> None:
    quoted = commands.quote(word)
    assert quoted.isprintable()
    command = f"printf %s {quoted}"
    environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", command], check=True, capture_output=True, env=environment)
    assert done.stdout == word.encode("utf-8", "surrogateescape")
