"""The axes of the matrix and its cells: file x toolchain x strategy x serving.

What is measured together is a unit: one file in one toolchain, by all its strategies, at every
release. The strategy `direct` needs no toolchain and is a unit of its own.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import converter
from converter import rules
from converter.evidence import NO_TOOLCHAIN
from converter.toolchain import catalog
from converter.toolchain.catalog import Toolchain

# What in `converter` only shows what was found, and the modules here that measure.
SHOWS = ("cli", "report", "evidence.py", "evidence.json")
MEASURES = ("bench.py", "causes.py", "measure.py")


@dataclass(frozen=True)
class File:
    """An .h5 file: where it lies, what its bytes are, and who wrote it (as the report says it).

    name: what it is called in the results. flavour: of its writer; None where the file does not
    tell. rule: the id of its row in rules.WRITER_RULES. referee: the toolchain to ask for the
    reference. refusal: why it cannot be measured at all, empty if it can.
    """

    path: Path
    sha256: str
    writer: str = ""
    flavour: str | None = None
    rule: str = ""
    referee: str = ""
    refusal: str = ""
    name: str = ""


@dataclass(frozen=True)
class Cell:
    """One question: is `file`, converted in `toolchain` by `strategy`, right at `serving`?

    file: sha256. referee: the toolchain that gives the reference. keras: the Keras of the toolchain
    that loads the file; empty where none does, and for `direct`. serving: a release of TensorFlow
    Serving ('2.2').
    """

    file: str
    referee: str
    toolchain: str
    keras: str
    strategy: str
    serving: str

    @property
    def key(self) -> str:
        """Digest of all that its outcome depends on: the cell, the locks, and this code."""
        used = [i for i in (self.referee, self.toolchain) if i not in ("", NO_TOOLCHAIN)]
        toolchains = [*map(catalog.get, used), catalog.for_serving(self.serving)]
        locks = [toolchain.lock_sha256 for toolchain in toolchains]
        asked = [*vars(self).values(), *locks, code_version()]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Unit:
    """Cells of one file in one toolchain, which share the loading and the conversions."""

    file: File
    toolchain: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Axes:
    """What is to be measured: toolchains in the catalog's order, strategies, releases."""

    toolchains: tuple[Toolchain, ...]
    strategies: tuple[str, ...]
    servings: tuple[str, ...]

    def units(self, files: Sequence[File]) -> Iterator[Unit]:
        """Every unit, toolchain by toolchain, `direct` first."""
        if rules.DIRECT in self.strategies:
            for file in files:
                yield self._unit(file, NO_TOOLCHAIN, "", (rules.DIRECT,))
        for toolchain in self.toolchains:
            for file in files:
                keras = _keras(file, toolchain)
                flavour = toolchain.flavour(keras) or toolchain.flavours[0]
                names = tuple(s for s in flavour.strategies if s in self.strategies)
                if names:
                    yield self._unit(file, toolchain.id, keras, names)

    def _unit(self, file: File, toolchain: str, keras: str, names: Sequence[str]) -> Unit:
        cells = tuple(
            Cell(file.sha256, file.referee, toolchain, keras, strategy, serving)
            for strategy in names
            for serving in self.servings
        )
        return Unit(file, toolchain, cells)


def _keras(file: File, toolchain: Toolchain) -> str:
    """The Keras of `toolchain` that a plan would load `file` with; empty where none does."""
    offered = rules.FLAVOUR_PREFERENCE[file.flavour]
    return next((name for name in offered if toolchain.flavour(name)), "")


@functools.cache
def code_version() -> str:
    """Digest of the code and tables that a measurement goes through."""
    root = Path(converter.__file__).parent
    used = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix in (".py", ".toml", ".json") and path.relative_to(root).parts[0] not in SHOWS
    ]
    digest = hashlib.sha256()
    for path in (*used, *(Path(__file__).with_name(name) for name in MEASURES)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
