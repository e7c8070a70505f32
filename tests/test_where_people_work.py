"""The files that GitHub, GitLab and pre-commit read: valid, pinned, and true to the project."""

from __future__ import annotations

import configparser
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from converter.toolchain import catalog
from scripts import ci_lists
from testing import components, runner
from testing.runner import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = [ROOT / "action.yml", *sorted((ROOT / ".github" / "actions").glob("*/action.yml"))]
COMPONENT = ROOT / "templates" / "convert-h5.yml"
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _valid(schema: str, *files: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _steps(path: Path) -> Iterator[dict[str, Any]]:
    document = runner.load(path)
    for job in document["jobs"].values() if "jobs" in document else [document["runs"]]:
        yield from job["steps"]


def test_workflows_and_actions_are_valid_by_githubs_schemas() -> None:
    _valid("github-workflows", *WORKFLOWS)
    _valid("github-actions", *ACTIONS)


def test_the_component_is_valid_by_gitlabs_schema(tmp_path: Path) -> None:
    header, _ = runner.load_all(COMPONENT)
    filled = components.filled(COMPONENT, {"model": "model.h5", "package": "convert-h5"})
    for name, document in {"header.json": header, "jobs.json": filled}.items():
        (tmp_path / name).write_text(json.dumps(document))
    _valid("gitlab-ci", tmp_path / "header.json", tmp_path / "jobs.json")


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=_id)
def test_what_others_wrote_is_pinned_to_a_commit_and_told_by_its_version(path: Path) -> None:
    for line in path.read_text().splitlines():
        if "uses:" in line and "uses: ./" not in line:
            assert PINNED.search(line), line


def test_all_use_the_same_commit_of_an_action() -> None:
    used: dict[str, set[str]] = {}
    for path in (*WORKFLOWS, *ACTIONS):
        for step in _steps(path):
            name, at, commit = step.get("uses", "").partition("@")
            if at:
                used.setdefault("/".join(name.split("/")[:2]), set()).add(commit)
    assert used
    assert all(len(commits) == 1 for commits in used.values()), used


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=_id)
def test_no_expression_becomes_part_of_a_script(path: Path) -> None:
    scripts = [step["run"] for step in _steps(path) if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]


@pytest.mark.parametrize("path", WORKFLOWS, ids=_id)
def test_a_workflow_may_only_read_and_ends_by_itself(path: Path) -> None:
    workflow = runner.load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow["on"]
    assert "group" in workflow["concurrency"]
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 360
        assert "permissions" not in job
    for step in _steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_every_environment_that_a_job_runs_is_one_of_tox() -> None:
    scripts = [step["run"] for path in WORKFLOWS for step in _steps(path) if "run" in step]
    named = {name for script in scripts for name in re.findall(r"tox -e (\w+)", script)}
    assert named == {"lint", "matrix"}
    parser = configparser.ConfigParser()
    parser.read(ROOT / "tox.ini")
    assert all(f"testenv:{name}" in parser for name in named)
    (series,) = [name for name in parser if name.startswith("testenv:tf{")]
    factors = series.removeprefix("testenv:tf{").removesuffix("}").split(",")
    assert [found["tox"] for found in ci_lists.environments()] == [f"tf{f}" for f in factors]
    tox = next(
        step for step in _steps(WORKFLOWS[0]) if step.get("run", "") == 'tox -e "$ENVIRONMENT"'
    )
    assert tox["env"] == {"ENVIRONMENT": "${{ matrix.tox }}"}


def test_every_environment_has_the_python_that_uv_does_not_provide() -> None:
    for found in ci_lists.environments():
        toolchains = catalog.matching(found["toolchains"])
        locks = [path.stem for path in (catalog.HERE / "locks").glob("*.txt")]
        assert fnmatch.filter(locks, found["toolchains"])
        for toolchain in toolchains:
            old = [
                version for version in toolchain.python if catalog.version_tuple(version) < (3, 8)
            ]
            provided = [".".join(v.split(".")[:2]) for v in found["old-pythons"].split()]
            assert provided == old


def test_the_lists_need_nothing_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "scripts.ci_lists"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    told = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert json.loads(told["environments"]) == ci_lists.environments()
    assert json.loads(told["images"]) == ci_lists.images()
    assert told["old-pythons"].split() == list(ci_lists.OLD_PYTHONS.values())
    outputs = [
        output
        for path in WORKFLOWS
        for output in runner.load(path)["jobs"]["lists"]["outputs"].values()
    ]
    assert {re.sub(r".*outputs\.([\w-]+) }}", r"\1", output) for output in outputs} == set(told)


def test_every_image_is_a_release_that_a_toolchain_stands_for_and_the_newest_is_there() -> None:
    standing = [catalog.for_serving(tag) for tag in ci_lists.images()]
    assert standing[-1] == max(
        (found for found in catalog.load().values() if found.serving),
        key=lambda found: found.tensorflow_series,
    )
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", tag) for tag in ci_lists.images())
    assert len(set(ci_lists.images())) == len(ci_lists.images())


def test_every_model_that_is_proven_in_an_image_is_a_fixture() -> None:
    jobs = runner.load(ROOT / ".github" / "workflows" / "serving-images.yml")["jobs"]
    models = jobs["prove"]["strategy"]["matrix"]["model"]
    assert all((ROOT / "fixtures" / f"{model}.h5").is_file() for model in models)


def _uses_of_ours(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each use of an action of this repository: its path, and what it is given."""
    for job in document["jobs"].values():
        for step in job["steps"]:
            name = step.get("uses", "")
            if name.startswith("./") or "/convert-h5@" in name:
                yield name.partition("@")[0].removeprefix("OWNER/convert-h5"), step.get("with", {})


def _documented() -> list[Any]:
    """The examples of docs/ci.md: a workflow, a pipeline of GitLab's, and hooks."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.S)
    return [YAML(typ="safe", pure=True).load(block) for block in blocks]


def test_our_actions_are_given_what_they_take() -> None:
    example, _, _ = _documented()
    used = [use for path in WORKFLOWS for use in _uses_of_ours(runner.load(path))]
    for path, given in [*used, *_uses_of_ours(example)]:
        inputs = runner.load(ROOT / path.lstrip("/") / "action.yml")["inputs"]
        required = {name for name, told in inputs.items() if told.get("required")}
        assert required <= set(given) <= set(inputs), path
    assert len(used) >= 5


def test_the_examples_of_the_document_are_valid(tmp_path: Path) -> None:
    written = []
    for name, document in zip(("workflow", "gitlab", "hooks"), _documented(), strict=True):
        written.append(tmp_path / f"{name}.json")
        written[-1].write_text(json.dumps(document))
    workflow, gitlab, hooks = written
    _valid("github-workflows", workflow)
    _valid("gitlab-ci", gitlab)
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", hooks], check=False
    )
    assert done.returncode == 0
    (manifest,) = runner.load(ROOT / ".pre-commit-hooks.yaml")
    _, pipeline, configuration = _documented()
    assert configuration["repos"][0]["hooks"] == [{"id": manifest["id"]}]
    components.filled(COMPONENT, pipeline["include"][0]["inputs"])


def test_the_document_tells_every_input_and_output_of_the_action() -> None:
    action = runner.load(ROOT / "action.yml")
    text = (ROOT / "docs" / "ci.md").read_text()
    told = re.findall(r"^\| `([a-z-]+)` \|", text, re.M)
    assert told == [*action["inputs"], *action["outputs"]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Somebody's repository with files staged, and beside it one that has our hook."""
    hooks, mine = tmp_path / "hooks", tmp_path / "mine"
    for folder in (hooks, mine):
        folder.mkdir()
        _git(folder, "init", "--quiet")
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    _git(hooks, "add", ".")
    _git(hooks, "commit", "--quiet", "-m", "hooks")
    revision = _git(hooks, "rev-parse", "HEAD").strip()
    configuration = {
        # `system`: the convert-h5 of this test in place of an installation.
        "repos": [
            {
                "repo": str(hooks),
                "rev": revision,
                "hooks": [{"id": "convert-h5", "language": "system"}],
            }
        ]
    }
    (mine / ".pre-commit-config.yaml").write_text(json.dumps(configuration))
    program = mine.parent / "bin" / "convert-h5"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from converter.cli.main import main\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    return mine


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of this user's, nor of a hook in which these tests may run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    person = {"NAME": "Test", "EMAIL": "test@example.org"}
    return {
        **kept,
        **{f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in person.items()},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PRE_COMMIT_HOME": str(folder.parent / "cache"),
        "PATH": f"{folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _hook(repository: Path) -> subprocess.CompletedProcess[str]:
    _git(repository, "add", ".")
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--color", "never"],
        cwd=repository,
        env=_environment(repository),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_hook_lets_good_models_pass_and_names_each_that_is_not(
    repository: Path, fixtures_folder: Path
) -> None:
    for name in ("digits-tf.keras-2.15.h5", "gru-keras-2.2.4.h5"):
        shutil.copy(fixtures_folder / name, repository)
    (repository / "notes.txt").write_text("not a model")
    passed = _hook(repository)
    assert passed.returncode == 0, passed.stdout
    assert "Passed" in passed.stdout
    (repository / "text model.h5").write_text("not a model")
    (repository / "cut.hdf5").write_bytes((repository / "gru-keras-2.2.4.h5").read_bytes()[:3000])
    failed = _hook(repository)
    assert failed.returncode == 1
    assert "text model.h5 is not an HDF5 file" in failed.stdout
    assert "cut.hdf5" in failed.stdout
    assert "digits" not in failed.stdout


def test_the_manifest_of_the_hook_is_valid() -> None:
    manifest = ROOT / ".pre-commit-hooks.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", manifest],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
