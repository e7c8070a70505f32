"""Options that say where the work is done."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import click

SEATS = (
    click.option("--jobs", type=click.IntRange(0), default=0, help="Processes; one for each core."),
    click.option("--dask", metavar="ADDRESS", help="Use the workers of this Dask scheduler."),
    click.option(
        "--send-files", is_flag=True, help="With --dask: its workers cannot read the files."
    ),
)


def executor(jobs: int, dask: str | None) -> AbstractContextManager[Any]:
    """Where the work is done. Raises UsageError."""
    if dask is not None:
        from compat_matrix.executors.dask import Dask

        return Dask(dask)
    from compat_matrix.executors.local import Local

    return Local(jobs)
