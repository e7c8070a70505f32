"""Run the matrix: survey the files, get their references, measure what is not yet measured.

Every outcome is stored as soon as it is known, so that a run that is stopped goes on where it was.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from compat_matrix import measure
from compat_matrix.cells import Axes, Cell, File, Unit
from compat_matrix.executors import grouped
from compat_matrix.executors.base import Executor, SeatLost
from compat_matrix.executors.grouped import Task
from compat_matrix.measure import Measured
from compat_matrix.outcome import Outcome
from compat_matrix.store import Store
from converter.errors import ToolchainError
from converter.toolchain import catalog, provision
from converter.toolchain.provision import Progress
from converter.verdict.reference import Reference


@dataclass(frozen=True)
class Row:
    """A cell, the file it is about, and what became of it."""

    file: File
    cell: Cell
    outcome: Outcome


def provide(axes: Axes, progress: Progress) -> Axes:
    """Install what `axes` needs; without the toolchains that cannot be had here, which is told.

    Raises a ToolchainError for one that is to serve.
    """
    for release in axes.servings:
        provision.provide(catalog.for_serving(release), progress)
    usable = []
    for toolchain in axes.toolchains:
        try:
            provision.provide(toolchain, progress)
        except ToolchainError as error:
            progress(f"not measured: {error.line()}")
        else:
            usable.append(toolchain)
    return dataclasses.replace(axes, toolchains=tuple(usable))


def run(
    paths: Sequence[Path],
    axes: Axes,
    executor: Executor,
    store: Store,
    progress: Progress,
    *,
    send: bool = False,
) -> list[Row]:
    """The outcome of every cell, in the order of `axes`; only those not in `store` are measured.

    send: the bytes of the files go to the seats, which cannot read them themselves.
    """
    files = survey(paths, executor, send=send)
    units = list(axes.units(files))
    missing = [unit for unit in (_missing(u, store) for u in units) if unit.cells]
    total = sum(len(unit.cells) for unit in units)
    left = sum(len(unit.cells) for unit in missing)
    progress(f"{total} cells, {left} to measure")
    for measured in _measure(missing, executor, progress, send=send):
        store.add(measured)
        left -= len(measured)
        progress(f"{total - left} of {total} cells")
    rows = []
    for unit in units:
        for cell in unit.cells:
            outcome = store.get(cell)
            assert outcome is not None
            rows.append(Row(unit.file, cell, outcome))
    return rows


def _missing(unit: Unit, store: Store) -> Unit:
    cells = tuple(cell for cell in unit.cells if store.get(cell) is None)
    return Unit(unit.file, unit.toolchain, cells)


def survey(paths: Sequence[Path], executor: Executor, *, send: bool = False) -> list[File]:
    """What the matrix has to know of each file. Those of one name are told by their paths."""
    names = Counter(path.name for path in paths)
    tasks = [
        Task(path, str(path), measure.survey, (path,), path if send else None)
        for path in dict.fromkeys(paths)
    ]
    found = {}
    for task, file in grouped.run(tasks, executor):
        lost = isinstance(file, SeatLost)
        found[task.name] = (
            File(task.name, "", refusal="Reading it ended the process") if lost else file
        )
    return [
        dataclasses.replace(found[p], name=p.name if names[p.name] == 1 else str(p))
        for p in dict.fromkeys(paths)
    ]


def _measure(
    units: Sequence[Unit], executor: Executor, progress: Progress, *, send: bool
) -> Iterator[Measured]:
    """What is measured, unit by unit."""
    files = list(dict.fromkeys(unit.file for unit in units))
    references: dict[File, Reference | str] = {f: f.refusal for f in files if f.refusal}
    asked = [
        Task(f, f.referee, measure.establish, (f,), f.path if send else None)
        for f in files
        if not f.refusal
    ]
    for number, (task, answer) in enumerate(grouped.run(asked, executor), start=1):
        references[task.name] = str(answer) if isinstance(answer, SeatLost) else answer
        progress(f"{number} of {len(asked)} references")
    tasks = []
    for unit in units:
        reference = references[unit.file]
        if isinstance(reference, str):
            yield measure.refused(unit.cells, reference)
        else:
            sent = unit.file.path if send else None
            tasks.append(Task(unit, unit.toolchain, measure.measure, (unit, reference), sent))
    for task, measured in grouped.run(tasks, executor):
        if isinstance(measured, SeatLost):
            why = "its process died with every try"
            yield [(cell, Outcome("failed", line=why)) for cell in task.name.cells]
        else:
            yield measured
