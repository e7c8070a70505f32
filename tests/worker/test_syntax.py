"""The worker's folder runs on the oldest Python of the catalog, with nothing of ours around it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from converter.toolchain import catalog, interpreters
from testing.toolchains import under_ci

FOLDER = Path(__file__).parents[2] / "converter" / "worker"
FILES = sorted(FOLDER.rglob("*.py"))
OLDEST = ("3.6", "3.7")
# "google" is protobuf, which TensorFlow cannot do without.
TOOLCHAIN_PACKAGES = {"numpy", "h5py", "tensorflow", "keras", "tf_keras", "google"}
# What TensorFlow brings along at times: a file that uses these says so where they are missing.
OPTIONAL = {"naive.py": {"grpc", "requests"}}

every_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: path.relative_to(FOLDER).as_posix()
)

# Prints {file: error} for the files that do not compile, and the modules that do not exist.
CHECK = """
import importlib.util, json, sys
files, modules = json.load(sys.stdin)
bad = {}
for path in files:
    with open(path, "rb") as stream:
        source = stream.read()
    try:
        compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        bad[path] = str(error)
print(json.dumps([bad, [m for m in modules if importlib.util.find_spec(m) is None]]))
"""


def _imports(path: Path) -> set[str]:
    """Top-level names of the modules a file imports; relative imports stay inside the folder."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
    return names


def _escapes(path: Path) -> list[str]:
    """Relative imports that reach out of the worker's folder."""
    depth = len(path.relative_to(FOLDER).parts)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level > depth
    ]


def test_there_is_something_to_check() -> None:
    assert {"protocol.py", "operations.py", "strategies/builder.py"} <= {
        path.relative_to(FOLDER).as_posix() for path in FILES
    }


def test_the_oldest_pythons_of_the_catalog_are_those_checked() -> None:
    wanted = {version for t in catalog.load().values() for version in t.python}
    assert sorted(v for v in wanted if v < "3.8" and len(v) == 3) == sorted(OLDEST)


@pytest.mark.parametrize("version", OLDEST)
def test_every_file_compiles_and_finds_its_standard_modules_in_old_pythons(version: str) -> None:
    python = interpreters.find(version)
    if python is None:
        reason = f"there is no Python {version} on PATH or in pyenv"
        if under_ci():
            pytest.fail(reason)
        pytest.skip(reason)
    modules = set().union(*map(_imports, FILES)) & sys.stdlib_module_names
    done = subprocess.run(
        [str(python), "-I", "-c", CHECK],
        input=json.dumps([[str(path) for path in FILES], sorted(modules)]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [{}, []]


@every_file
def test_a_file_imports_nothing_but_the_toolchains_packages_and_its_folder(path: Path) -> None:
    allowed = TOOLCHAIN_PACKAGES | OPTIONAL.get(path.name, set())
    assert _imports(path) <= allowed | sys.stdlib_module_names | {"worker"}
    assert _escapes(path) == []


@every_file
def test_a_file_does_not_import_tensorflow_before_it_is_asked_to(path: Path) -> None:
    """Importing the protocol, or asking for help, must not cost a TensorFlow."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    named = {
        alias.name.split(".")[0] for n in top if isinstance(n, ast.Import) for alias in n.names
    }
    named |= {
        (n.module or "").split(".")[0] for n in top if isinstance(n, ast.ImportFrom) if not n.level
    }
    assert named.isdisjoint({"tensorflow", "keras", "tf_keras"})
