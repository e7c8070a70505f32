"""What `matrix` and `batch` have in common: the files, and where the work is done."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click

from converter.errors import UsageError

SUFFIXES = (".h5", ".hdf5")

SEATS = (
    click.option("--jobs", type=click.IntRange(0), default=0, help="Processes; one for each core."),
    click.option("--dask", metavar="ADDRESS", help="Use the workers of this Dask scheduler."),
    click.option(
        "--send-files", is_flag=True, help="With --dask: its workers cannot read the files."
    ),
)


def files(models: Sequence[Path]) -> list[Path]:
    """The files of `models`; of a folder, every .h5 and .hdf5 in it and below, by name.

    Raises UsageError for what is not there, and where there is none.
    """
    found: list[Path] = []
    for model in models:
        if model.is_dir():
            found += sorted(p for p in model.rglob("*") if p.suffix in SUFFIXES and p.is_file())
        elif model.is_file():
            found.append(model)
        else:
            raise UsageError(f"There is no file {model}", fix="Name .h5 files, or folders of them")
    if not found:
        raise UsageError("There is no .h5 file in what was named", fix="Name .h5 files")
    return found


def executor(jobs: int, dask: str | None) -> AbstractContextManager[Any]:
    """Where the work is done. Raises UsageError."""
    if dask is not None:
        from compat_matrix.executors.dask import Dask

        return Dask(dask)
    from compat_matrix.executors.local import Local

    return Local(jobs)
