"""The Python API: what the command line does, as functions."""

from __future__ import annotations

import os
from pathlib import Path

from converter import pipeline
from converter.options import Options
from converter.report.model import Report
from converter.source.model import SourceModel
from converter.source.read import read
from converter.toolchain.pool import Pool
from converter.toolchain.provision import Progress, quiet

PathLike = str | os.PathLike[str]


def inspect(source: PathLike) -> SourceModel:
    """What the Keras HDF5 file `source` is, read as data: nothing of it is loaded or run.

    Raises the SourceError that fits.
    """
    return read(Path(source))


def convert(
    source: PathLike,
    export_folder: PathLike,
    options: Options | None = None,
    *,
    pool: Pool | None = None,
    progress: Progress = quiet,
) -> Report:
    """Convert `source`, prove the result and publish it as `export_folder`/<n>.

    pool: workers to share between calls (see Pool); without one, workers live for this call.
    Raises the ConvertH5Error that fits, with the report as its attribute `report`.
    """
    chosen = options or Options()
    if pool is not None:
        report = pipeline.run(Path(source), Path(export_folder), chosen, pool, progress)
    else:
        with pipeline.pool_for(chosen, progress) as own:
            report = pipeline.run(Path(source), Path(export_folder), chosen, own, progress)
    if report.error is not None:
        report.error.report = report
        raise report.error
    return report
