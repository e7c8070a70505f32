"""What to do with a file by X that is to be served by Y, from what was measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from converter import rules

Cell = dict[str, Any]


def advise(cells: Iterable[Cell]) -> list[dict[str, str]]:
    """One sentence for each writer and serving release, in the order of `cells`."""
    found: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell["writer"]:
            found[cell["writer"], cell["serving"]].append(cell)
    return [
        {"writer": writer, "serving": serving, "do": _sentence(theirs)}
        for (writer, serving), theirs in found.items()
    ]


def _sentence(cells: list[Cell]) -> str:
    ways = _ways(cells)
    said = [_told(way, cells) for way in ways[:2]]
    if not said:
        return "nothing that was measured answers right"
    return said[0] if len(said) == 1 else f"{said[0]}; or {said[1]}"


def _ways(cells: list[Cell]) -> list[tuple[str, str]]:
    """(strategy, toolchain) that were right for every file; `direct` first, then as given."""
    passed: dict[tuple[str, str], bool] = {}
    for cell in cells:
        way = (cell["strategy"], cell["toolchain"])
        passed[way] = passed.get(way, True) and cell["kind"] == "pass"
    right = [way for way, always in passed.items() if always]
    return sorted(right, key=lambda way: way[0] != rules.DIRECT)


def _told(way: tuple[str, str], cells: list[Cell]) -> str:
    strategy, toolchain = way
    count = sum((cell["strategy"], cell["toolchain"]) == way for cell in cells)
    where = "" if strategy == rules.DIRECT else f" in {toolchain}"
    return f"{strategy}{where} ({count} of {count} right)"
