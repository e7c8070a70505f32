"""What GitLab does with a component: its inputs filled in, its script run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from testing import runner

INPUT = re.compile(r"\$\[\[ inputs\.([a-z0-9-]+) \]\]")


def inputs(path: Path) -> dict[str, dict[str, Any]]:
    """The inputs that the component declares."""
    found: dict[str, dict[str, Any]] = runner.load_all(path)[0]["spec"]["inputs"]
    return found


def filled(path: Path, given: dict[str, Any]) -> Any:
    """The component's configuration with `given` inputs, and the defaults of the others."""
    _, configuration = runner.load_all(path)
    declared = inputs(path)
    assert set(given) <= set(declared)
    values = {name: given.get(name, told.get("default")) for name, told in declared.items()}
    missing = [name for name, value in values.items() if value is None]
    assert not missing, f"must be given: {missing}"
    return _fill(configuration, values)


def _fill(node: Any, values: dict[str, Any]) -> Any:
    """An input alone keeps its type; within a text it becomes part of it."""
    if isinstance(node, dict):
        return {_fill(key, values): _fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill(item, values) for item in node]
    if not isinstance(node, str):
        return node
    alone = INPUT.fullmatch(node)
    return values[alone[1]] if alone else INPUT.sub(lambda found: str(values[found[1]]), node)
