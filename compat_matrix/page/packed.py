"""The results made small for a page: what is told many times is stored once.

Names, lines, logs and commands become numbers of rows in tables, and the cells become columns of
such numbers. Twenty thousand cells are then less than a megabyte. Texts are made fit to be shown
here: what cannot be seen is an escape.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from compat_matrix.outcome import Kind
from converter.evidence import NO_TOOLCHAIN
from converter.report import words
from converter.text import escaped, printable

# From good to bad; a square is as bad as its worst cell.
KINDS: tuple[Kind, ...] = ("pass", "refused", "known issue", "wrong numbers", "failed")
MARKS: dict[Kind, str] = {
    "pass": "✓",
    "refused": "–",
    "known issue": "!",
    "wrong numbers": "≠",
    "failed": "✗",
}

# Columns of the cells, and of what was measured; the page's data.js reads them by these names.
CELL = ("file", "toolchain", "keras", "strategy", "serving", "evidence", "command")
TEXTS = ("issue", "line", "loaded", "reference", "max_abs", "max_rel")

T = TypeVar("T", bound=Hashable)


class Table(Generic[T]):
    """Values, each once, in the order in which they came."""

    def __init__(self, *known: T) -> None:
        self._places: dict[T, int] = {}
        for value in known:
            self.place(value)

    def place(self, value: T) -> int:
        """The number of its row."""
        return self._places.setdefault(value, len(self._places))

    @property
    def rows(self) -> list[T]:
        """All of them."""
        return list(self._places)


def pack(document: dict[str, Any]) -> dict[str, Any]:
    """`document` as the page has it."""
    packing = _Packing(document)
    columns: dict[str, list[int]] = {name: [] for name in CELL}
    for cell in document["cells"]:
        for name, number in packing.cell(cell).items():
            columns[name].append(number)
    advice = document.get("advice", [])
    return {
        "kinds": [{"name": kind, "mark": MARKS[kind]} for kind in KINDS],
        "noToolchain": NO_TOOLCHAIN,
        "advice": [
            [printable(one[name]) for name in ("writer", "serving", "do")] for one in advice
        ],
        "cells": columns,
        **packing.tables(),
    }


class _Packing:
    """The tables, filled while cells are packed."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._told = document
        # A name alone is not a file: two folders may each have a model.h5.
        self._files = Table(*((f["name"], f["writer"]) for f in document["files"]))
        self._writers = Table(*(f["writer"] for f in document["files"]))
        self._toolchains = Table(*(t["id"] for t in document["toolchains"]))
        self._servings = Table(*document["servings"])
        self._strategies: Table[str] = Table()
        self._keras: Table[str] = Table()
        self._texts = Table("")
        self._logs: Table[tuple[int, ...]] = Table(())
        self._evidence: Table[tuple[int, ...]] = Table()
        self._commands: Table[tuple[str | int, ...]] = Table()

    def cell(self, cell: dict[str, Any]) -> dict[str, int]:
        """Its row, a number for each column."""
        return {
            "file": self._files.place((cell["file"], cell["writer"])),
            "toolchain": self._toolchains.place(cell["toolchain"]),
            "keras": self._keras.place(cell["keras"]),
            "strategy": self._strategies.place(cell["strategy"]),
            "serving": self._servings.place(cell["serving"]),
            "evidence": self._evidence.place(self._measured(cell)),
            "command": self._commands.place(_parts(cell)),
        }

    def tables(self) -> dict[str, Any]:
        """All tables, as they are once every cell is packed."""
        sha256 = {(f["name"], f["writer"]): f["sha256"] for f in self._told["files"]}
        versions = {t["id"]: t for t in self._told["toolchains"]}
        files = [
            {
                "name": escaped(name),
                "writer": self._writers.place(writer),
                "sha256": escaped(sha256.get((name, writer), "")),
            }
            for name, writer in self._files.rows
        ]
        toolchains = [_versions(id_, versions.get(id_, {})) for id_ in self._toolchains.rows]
        return {
            "files": files,
            "writers": _shown(self._writers),
            "toolchains": toolchains,
            "servings": _shown(self._servings),
            "strategies": _shown(self._strategies),
            "keras": _shown(self._keras),
            "texts": self._texts.rows,
            "logs": self._logs.rows,
            "evidence": self._evidence.rows,
            "commands": self._commands.rows,
        }

    def _measured(self, cell: dict[str, Any]) -> tuple[int, ...]:
        """The kind, each of TEXTS, the log; one row for all cells that ended alike."""
        texts = (self._texts.place(_text(cell.get(name))) for name in TEXTS)
        lines = str(cell.get("log", "")).splitlines()
        log = tuple(self._texts.place(escaped(line.expandtabs())) for line in lines)
        return (KINDS.index(cell["kind"]), *texts, self._logs.place(log))


def _text(value: str | float | None) -> str:
    if isinstance(value, (int, float)):
        return "NaN" if math.isnan(value) else words.figure(value)
    return printable(value or "")


def _shown(table: Table[str]) -> list[str]:
    return [printable(value) for value in table.rows]


def _versions(id_: str, told: dict[str, Any]) -> dict[str, Any]:
    keras = {printable(name): printable(version) for name, version in told.get("keras", {}).items()}
    return {
        "id": printable(id_),
        "tensorflow": printable(told.get("tensorflow", "")),
        "keras": keras,
    }


def _parts(cell: dict[str, Any]) -> tuple[str | int, ...]:
    """The command, a number where it names the cell's file (0), strategy, toolchain or serving.

    So cells that are asked alike share one row, whatever the command may be.
    """
    parts: list[str | int] = [escaped(cell.get("command", ""))]
    for number, name in enumerate(("file", "strategy", "toolchain", "serving")):
        value = escaped(cell[name])
        parts = [part for whole in parts for part in _split(whole, value, number)]
    return tuple(parts)


def _split(whole: str | int, value: str, number: int) -> list[str | int]:
    """`whole` with `number` wherever it says `value`."""
    if isinstance(whole, int) or not value:
        return [whole]
    joined = (part for text in whole.split(value) for part in (number, text))
    return [part for part in list(joined)[1:] if part != ""]
