"""What a runner of GitHub's does with a composite action: its `run` steps, for real, in bash."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
# Source: GitHub's documentation, "jobs.<job_id>.steps[*].shell".
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


def load(path: Path) -> Any:
    """The only document of a file; YAML 1.2, in which `on` is a word."""
    (document,) = load_all(path)
    return document


def load_all(path: Path) -> list[Any]:
    """The documents of a file."""
    return list(YAML(typ="safe", pure=True).load_all(path))


def checkout(folder: Path) -> Path:
    """A copy of what pip installs, as a runner has it: an installation writes beside its source."""
    folder.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("converter", "compat_matrix"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@dataclass
class Runner:
    """A machine on which steps are run. workspace: where the user's files are; action: ours."""

    workspace: Path
    temp: Path
    action: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, step: Mapping[str, Any], context: Mapping[str, str]) -> Step:
        """Run a step. context: the values of the expressions that it may use."""

        def told(text: str) -> str:
            return EXPRESSION.sub(lambda found: context[found[1]], text)

        script = self.temp / "step.sh"
        script.write_text(told(step["run"]))
        files = {name: self.temp / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        done = subprocess.run(
            [*BASH, script],
            cwd=self.workspace,
            env={
                **os.environ,
                **self.environment,
                "RUNNER_TEMP": str(self.temp),
                "GITHUB_ACTIONS": "true",
                "GITHUB_WORKSPACE": str(self.workspace),
                "GITHUB_ACTION_PATH": str(self.action),
                **{name: str(file) for name, file in files.items()},
                **{name: told(value) for name, value in step.get("env", {}).items()},
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        outputs = _variables(files["GITHUB_OUTPUT"].read_text())
        summary = files["GITHUB_STEP_SUMMARY"].read_text()
        return Step(done.returncode, done.stdout, outputs, summary)


@dataclass(frozen=True)
class Step:
    """How a step ended."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str

    @property
    def commands(self) -> list[str]:
        """The lines that the runner takes for commands."""
        found, stopped = [], ""
        for line in self.log.splitlines():
            if stopped:
                stopped = "" if line == f"::{stopped}::" else stopped
            elif line.startswith("::stop-commands::"):
                stopped = line.removeprefix("::stop-commands::")
            elif line.lstrip().startswith("::") or "##[" in line:
                found.append(line)
        assert not stopped, "commands are heeded again in the end"
        return found


def _variables(text: str) -> dict[str, str]:
    """What a step wrote as `name=value`, or as `name<<end`, lines, `end`."""
    found = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, sign, value = re.split("(=|<<)", line, maxsplit=1)
        if sign == "<<":
            value = "\n".join(iter(lines.__next__, value))
        found[name] = value
    return found
