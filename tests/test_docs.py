"""What the documents say is run and checked: commands, links, error ids, the table of files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from compat_matrix.causes import CAUSES
from converter import errors, rules
from converter.bench import baseline, measure  # noqa: F401
from converter.cli import main
from converter.serving.client import errors as client_errors  # noqa: F401
from converter.serving.docker import errors as docker_errors  # noqa: F401
from converter.toolchain import catalog
from testing import servers

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
BLOCK = re.compile(r"(<!-- (?:test-command|session) -->\n)?```(bash|python)\n(.*?)```", re.S)
SESSION = re.compile(r"<!-- session -->\n```bash\n(.*?)```", re.S)
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".tox", "build", "models", ".*_cache")


def _blocks(language: str) -> list[tuple[str, str]]:
    """(document, text) of every code block, but for sessions and what runs this test."""
    return [
        (document.name, match[3])
        for document in DOCUMENTS
        for match in BLOCK.finditer(document.read_text())
        if match[2] == language and not match[1]
    ]


COMMANDS = [
    pytest.param(line, id=f"{name}: {line[:60]}")
    for name, block in _blocks("bash")
    for line in dict.fromkeys(block.splitlines())
    if line.startswith("convert-h5")
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project's files, as a newcomer has it."""
    shutil.copytree(ROOT, tmp_path / "checkout", ignore=NOT_COPIED)
    return tmp_path / "checkout"


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.toolchain("tf2.15")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_documents_works(command: str, checkout: Path) -> None:
    done = _run(command, checkout)
    assert done.returncode == 0, done.stderr


@pytest.mark.toolchain("tf2.15")
def test_the_first_command_of_the_readme_sets_everything_up_and_publishes(checkout: Path) -> None:
    (first,) = [b for name, b in _blocks("bash") if name == "README.md" and "venv" in b]
    done = _run(first, checkout)
    assert done.returncode == 0, done.stderr
    assert (checkout / "models" / "digits" / "1" / "saved_model.pb").is_file()


@pytest.mark.toolchain("tf2.15")
def test_the_session_with_a_server_works(checkout: Path) -> None:
    (session,) = SESSION.findall((ROOT / "docs" / "serving.md").read_text())
    for port in ("8500", "8501"):
        session = session.replace(port, str(servers.free_port()))
    done = _run(f"set -em\n{session}", checkout)
    assert done.returncode == 0, done.stderr
    assert '"schema": "convert-h5/call/1"' in done.stdout


@pytest.mark.toolchain("tf2.15")
@pytest.mark.parametrize("code", [pytest.param(b, id=name) for name, b in _blocks("python")])
def test_every_python_example_runs(code: str, checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def _leaves(cls: type[errors.ConvertH5Error]) -> list[type[errors.ConvertH5Error]]:
    below = [leaf for sub in cls.__subclasses__() for leaf in _leaves(sub)]
    return below or [cls]


def test_every_error_id_is_explained_with_its_exit_code() -> None:
    text = (ROOT / "docs" / "errors.md").read_text()
    told = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (\d+) \|", text, re.M))
    assert told.pop("internal") == "70"
    assert told.pop("usage") == "2"
    assert told.pop("serving-failed") == "6"
    assert told == {cls.id: str(cls.exit_code) for cls in _leaves(errors.ConvertH5Error)}


def test_every_known_issue_of_the_catalog_every_rule_and_every_cause_is_explained() -> None:
    text = (ROOT / "docs" / "known-issues.md").read_text()
    told = set(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.M))
    named = {issue for t in catalog.load().values() for issue in t.known_issues}
    rows = {row.id for row in (*rules.VETOES, *rules.CAUTIONS)}
    causes = {cause.issue for cause in CAUSES}
    assert named | rows | causes == told


@pytest.mark.parametrize("verb", list(main.VERBS))
def test_every_verb_and_option_has_a_help_text_and_an_example(verb: str) -> None:
    command = main.group.get_command(click.Context(main.group), verb)
    assert command is not None
    assert command.help
    assert verb == "serve" or "Examples:" in (command.epilog or "")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
