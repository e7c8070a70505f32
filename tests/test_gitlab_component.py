"""templates/convert-h5.yml: filled in as GitLab does, its script run by a shell."""

from __future__ import annotations

import os
import shutil
import string
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from converter.toolchain import cache
from testing import components, runner

COMPONENT = runner.ROOT / "templates" / "convert-h5.yml"
SITE = ".convert-h5/venv/lib/python3.*/site-packages"


def _run(job: dict[str, Any], project: Path) -> subprocess.CompletedProcess[str]:
    """The script, in the folder of the project; what is required is taken from here."""
    *installing, last = job["script"]
    required = f'echo {sysconfig.get_path("purelib")} > "$(echo {SITE})/required.pth"'
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    predefined = {"CI_PROJECT_DIR": str(project), "CI_JOB_NAME_SLUG": "convert-h5"}
    told = {n: string.Template(v).substitute(predefined) for n, v in job["variables"].items()}
    told |= {"CONVERT_H5_CACHE": str(cache.root()), "PIP_NO_DEPS": "1", "PATH": path}
    return subprocess.run(
        ["sh", "-e", "-c", "\n".join([*installing, required, last])],
        cwd=project,
        env={**os.environ, "GITHUB_ACTIONS": "", **told},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_publishes_and_leaves_what_the_artifacts_name(
    fixtures_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(fixtures_folder / "digits-tf.keras-2.15.h5", tmp_path / "it's a model.h5")
    given = {
        "model": "it's a model.h5",
        "package": str(runner.checkout(tmp_path / "source")),
        "export-dir": "models/m",
        "args": "--no-verify --strategy 'direct'",
        "keep": ["convert-h5-report", "models"],
    }
    (job,) = components.filled(COMPONENT, given).values()
    done = _run(job, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "::" not in done.stdout
    for pattern in job["artifacts"]["paths"]:
        assert (tmp_path / pattern).is_dir()
    (junit,) = tmp_path.glob(job["artifacts"]["reports"]["junit"])
    assert ET.parse(junit).getroot().get("failures") == "0"
    variables = (tmp_path / job["artifacts"]["reports"]["dotenv"]).read_text().splitlines()
    assert variables == [
        "CONVERT_H5_PUBLISHED=models/m/1",
        "CONVERT_H5_VERDICT=unproven",
        "CONVERT_H5_EXIT_CODE=0",
    ]


def test_no_input_becomes_part_of_the_script() -> None:
    hostile = dict.fromkeys(components.inputs(COMPONENT), "$(touch owned)`id`; \"'")
    plain = dict.fromkeys(hostile, "x")
    (first,), (second,) = (
        components.filled(COMPONENT, given).values() for given in (hostile, plain)
    )
    assert first["script"] == second["script"]
