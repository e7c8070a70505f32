"""The Python API: what the command line does, as functions."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from converter import pipeline, verification
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
    with _pool(pool, chosen, progress) as workers:
        report = pipeline.run(Path(source), Path(export_folder), chosen, workers, progress)
    return _checked(report)


def verify(
    saved_model: PathLike,
    source: PathLike,
    options: Options | None = None,
    *,
    pool: Pool | None = None,
    progress: Progress = quiet,
) -> Report:
    """Serve the SavedModel in the version folder `saved_model` and hold it against `source`.

    Raises as `convert` does.
    """
    chosen = options or Options()
    with _pool(pool, chosen, progress) as workers:
        report = verification.run(Path(saved_model), Path(source), chosen, workers, progress)
    return _checked(report)


def _pool(
    given: Pool | None, options: Options, progress: Progress
) -> contextlib.AbstractContextManager[Pool]:
    """The caller's pool, which stays open, or one for this call."""
    return pipeline.pool_for(options, progress) if given is None else contextlib.nullcontext(given)


def _checked(report: Report) -> Report:
    if report.error is not None:
        report.error.report = report
        raise report.error
    return report
