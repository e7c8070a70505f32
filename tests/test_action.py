"""action.yml, its steps run in bash as a runner runs them, on right and on wrong models."""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from converter import Options, convert
from testing import cli, runner
from testing.runner import ROOT, Runner, Step

ACTION = runner.load(ROOT / "action.yml")
STEPS: dict[str, Any] = {step["id"]: step for step in ACTION["runs"]["steps"] if "id" in step}
LOCAL = "local:2.15"
HOSTILE = "::set-output name=verdict::proven ##[error]x `id` $(id) <b>.h5"

pytestmark = pytest.mark.toolchain("tf2.15")
Act = Callable[..., Step]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUNNER_TEMP after the step that installs; what is required is taken from here."""
    temp = tmp_path_factory.mktemp("runner")
    machine = Runner(temp, temp, runner.checkout(temp / "action"), {"PIP_NO_DEPS": "1"})
    done = machine.run(STEPS["install"], {"steps.python.outputs.python-path": sys.executable})
    assert done.code == 0, done.log
    assert len(done.outputs["locks"]) == 64
    (packages,) = temp.glob("convert-h5/lib/python3.*/site-packages")
    (packages / "required.pth").write_text(sysconfig.get_path("purelib"))
    return temp


@pytest.fixture
def act(installed: Path, tmp_path: Path) -> Act:
    """A function (inputs by name) that runs the action in the workspace `tmp_path`."""

    def run(**given: str) -> Step:
        inputs = {name: str(told.get("default", "")) for name, told in ACTION["inputs"].items()}
        inputs |= {name.replace("_", "-"): value for name, value in given.items()}
        assert set(inputs) == set(ACTION["inputs"])
        context = {f"inputs.{name}": value for name, value in inputs.items()}
        context["steps.python.outputs.python-path"] = sys.executable
        return Runner(tmp_path, installed, installed / "action").run(STEPS["run"], context)

    return run


@pytest.fixture
def model(fixtures_folder: Path, tmp_path: Path) -> str:
    """A right model in the workspace."""
    shutil.copy(fixtures_folder / "digits-tf.keras-2.15.h5", tmp_path / "model.h5")
    return "model.h5"


def test_a_right_model_is_published_and_verified_and_the_jobs_page_tells(
    act: Act, model: str, tmp_path: Path
) -> None:
    done = act(
        model=model,
        export_dir="models/m",
        saved_model="models/m/1",
        serving=LOCAL,
        args="--samples 2 --tag 'serve'",
    )
    assert done.code == 0, done.log
    assert done.outputs == {
        "published": "models/m/1",
        "verdict": "proven",
        "report": "convert-h5-report",
        "exit-code": "0",
    }
    assert (tmp_path / "models/m/1/saved_model.pb").is_file()
    assert done.commands == []
    published, verified = done.summary.split("### ✅ ")[1:]
    assert published.startswith("Proven and published: <code>model.h5</code>")
    assert verified.startswith("Verified: <code>model.h5</code>")
    assert "served by local&#58;2.15" in published
    for verb in ("convert", "verify"):
        folder = tmp_path / "convert-h5-report" / verb
        assert ET.parse(folder / "junit.xml").getroot().get("failures") == "0"
        assert json.loads((folder / "report.json").read_text())["exit_code"] == 0


def test_a_wrong_saved_model_fails_the_step_with_annotations_and_the_reason(
    act: Act, model: str, tmp_path: Path
) -> None:
    with h5py.File(shutil.copy(tmp_path / model, tmp_path / "other.h5"), "r+") as file:
        file["model_weights/hidden/hidden/kernel:0"][...] = 0.0
    quick = Options(strategy="direct", verify=False)
    wrong = convert(tmp_path / "other.h5", tmp_path / "m", quick).published
    assert wrong is not None
    done = act(model=model, saved_model=str(wrong), serving=LOCAL)
    assert done.code == 1, done.log
    assert (done.outputs["verdict"], done.outputs["exit-code"]) == ("not-proven", "1")
    assert done.outputs["published"] == ""
    first, second = done.commands
    assert first.startswith("::error file=model.h5,title=convert-h5%3A not-proven::")
    assert second.startswith("::error file=model.h5,title=convert-h5%3A output scores::")
    assert "### ❌ The answers differ: <code>model.h5</code>" in done.summary
    assert "elements beyond" in done.summary


def test_a_hostile_name_is_heeded_by_nobody(act: Act, tmp_path: Path) -> None:
    (tmp_path / HOSTILE).write_text("no model")
    done = act(model=HOSTILE, export_dir="$(touch owned)/`touch owned`")
    assert done.code == 3, done.log
    assert done.outputs["verdict"] == "source-not-hdf5"
    assert not (tmp_path / "owned").exists()
    (line,) = done.commands
    assert line.startswith("::error file=%3A%3Aset-output name=verdict%3A%3Aproven")
    assert "<b>" not in done.summary


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"args": "--no-such-option", "export_dir": "m"}, "No such option"),
        ({"args": "'", "export_dir": "m"}, "args cannot be split"),
        ({}, "export-dir, saved-model or both"),
    ],
    ids=["option", "quotes", "nothing"],
)
def test_inputs_that_make_no_sense_are_annotated_as_usage(
    act: Act, model: str, given: dict[str, str], words: str
) -> None:
    done = act(model=model, **given)
    assert (done.code, done.outputs["verdict"]) == (2, "usage")
    (line,) = done.commands
    assert line.startswith("::error ")
    assert words in line


def test_outside_of_github_no_commands_are_printed_and_the_outputs_are_in_a_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "text.h5").write_text("no model")
    done = cli.run(
        "ci",
        CONVERT_H5_MODEL=str(tmp_path / "text.h5"),
        CONVERT_H5_EXPORT_DIR=str(tmp_path / "m"),
        CONVERT_H5_REPORT=str(tmp_path / "report"),
        GITHUB_ACTIONS="",
    )
    assert (done.code, done.out) == (3, "")
    assert done.last_line.endswith("[source-not-hdf5]")
    assert (tmp_path / "report" / "outputs.env").read_text().splitlines() == [
        "CONVERT_H5_PUBLISHED=",
        "CONVERT_H5_VERDICT=source-not-hdf5",
        "CONVERT_H5_EXIT_CODE=3",
    ]


def test_every_output_of_the_action_is_one_of_its_last_step() -> None:
    told = {name: output["value"] for name, output in ACTION["outputs"].items()}
    assert told == {name: f"${{{{ steps.run.outputs.{name} }}}}" for name in told}
