"""What was measured, shipped with the package: which way is right for which kind of file.

`evidence.json` is written by scripts/evidence.py from the results of a run of the matrix. It gives
a plan its reasons; what is done is decided by rules.py, and tests/test_evidence.py fails where the
two disagree.
"""

from __future__ import annotations

import functools
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converter import rules
from converter.toolchain import catalog

SCHEMA = "convert-h5/evidence/1"
PATH = Path(__file__).with_name("evidence.json")
# The toolchain of `direct`.
NO_TOOLCHAIN = "none"


@dataclass(frozen=True)
class Way:
    """What came of one way to convert the files of one kind, at one release.

    rule: the id of the kind's row in rules.WRITER_RULES. keras: the Keras of `toolchain` that
    loaded them, empty for `direct`. serving: a release of TensorFlow Serving. cells: how many were
    measured; passed: how many were right; issues: how many of the others had which known cause.
    """

    rule: str
    toolchain: str
    keras: str
    strategy: str
    serving: str
    cells: int
    passed: int
    issues: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Evidence:
    """The results of one run. files: how many of each kind, by the id of its rule."""

    measured: str
    files: dict[str, int]
    ways: tuple[Way, ...]

    def of(self, rule: str) -> tuple[Way, ...]:
        """The ways that were tried with files of the kind `rule`."""
        return tuple(way for way in self.ways if way.rule == rule)


@functools.cache
def load() -> Evidence:
    """What is shipped."""
    told = json.loads(PATH.read_text())
    ways = tuple(
        Way(rule, toolchain, keras, strategy, told["servings"][n], cells, passed, tuple(issues))
        for rule, toolchain, keras, strategy, releases in told["ways"]
        for n, (cells, passed, issues) in enumerate(releases)
    )
    return Evidence(told["measured"], told["files"], ways)


def summary(document: dict[str, Any]) -> dict[str, Any]:
    """What is shipped of a run, from its results (schema `convert-h5/matrix/1`)."""
    kinds = {file["name"]: file["rule"] for file in document["files"]}
    servings = document["servings"]
    found: dict[tuple[str, ...], dict[str, list[dict[str, Any]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for cell in document["cells"]:
        rule = kinds[cell["file"]]
        way = (rule, cell["toolchain"], cell.get("keras", ""), cell["strategy"])
        if rule and cell["kind"] != "refused":
            found[way][cell["serving"]].append(cell)
    return {
        "schema": SCHEMA,
        "convert_h5": document["convert_h5"],
        "measured": document["finished"][:10],
        "servings": servings,
        "files": dict(sorted(Counter(rule for rule in kinds.values() if rule).items())),
        "ways": [[*way, [_counted(by[s]) for s in servings]] for way, by in found.items()],
    }


def _counted(cells: Sequence[dict[str, Any]]) -> list[Any]:
    issues = Counter(cell.get("issue", cell["kind"]) for cell in cells if cell["kind"] != "pass")
    passed = sum(cell["kind"] == "pass" for cell in cells)
    return [len(cells), passed, sorted(issues.items())]


def reasons(rule: str, toolchain: str, keras: str, strategies: Sequence[str]) -> tuple[str, ...]:
    """What was measured with files of the kind `rule`, in sentences; none where nothing was.

    First how often each of `strategies` was right: `direct`, and the others with `keras` in
    `toolchain`. Then what fails in which toolchains.
    """
    ways = load().of(rule)
    chosen = {
        name: [
            way
            for way in ways
            if way.strategy == name
            and (name == rules.DIRECT or (way.toolchain, way.keras) == (toolchain, keras))
        ]
        for name in strategies
    }
    told = [f"{name} {_share(theirs)}" for name, theirs in chosen.items() if theirs]
    if not told:
        return ()
    count = load().files[rule]
    such = "one such file" if count == 1 else f"{count} such files"
    servings = ", ".join(dict.fromkeys(way.serving for way in ways))
    return (
        f"measured with {such}, served by {servings}; right: {', '.join(told)}",
        *_failures(ways),
    )


def _share(ways: Sequence[Way]) -> str:
    """'18 of 24, never by 1.14'."""
    never = [way.serving for way in ways if not way.passed]
    share = f"{sum(way.passed for way in ways)} of {sum(way.cells for way in ways)}"
    return f"{share} (never by {', '.join(never)})" if never else share


def _failures(ways: Sequence[Way]) -> list[str]:
    """A sentence for each known cause: where it strikes, the most frequent first."""
    cells: Counter[str] = Counter()
    struck: dict[str, list[Way]] = defaultdict(list)
    for way in ways:
        for issue, count in way.issues:
            cells[issue] += count
            struck[issue].append(way)
    return [
        f"fails: {issue}, converted by {_span(struck[issue])} ({count} cells)"
        for issue, count in cells.most_common()
    ]


def _span(ways: Sequence[Way]) -> str:
    """'TensorFlow 2.9 to 2.21 for servers 1.14 to 2.2'."""
    series = sorted({catalog.get(way.toolchain).tensorflow_series for way in ways})
    servers = list(dict.fromkeys(way.serving for way in ways))
    first, last = (".".join(map(str, one)) for one in (series[0], series[-1]))
    return (
        f"TensorFlow {first if first == last else f'{first} to {last}'}"
        f" for {'server' if len(servers) == 1 else 'servers'} {', '.join(servers)}"
    )
