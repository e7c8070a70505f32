"""Run a plan: the only place that knows the order of the steps.

prepare → for each target: load → reference → for each strategy: convert → prove → publish

What needs no toolchain is done without importing what the others need: numpy and the servers cost
more than compiling a model does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from converter import attempts, publish
from converter.attempts import Route
from converter.errors import ConvertH5Error, SourceChanged
from converter.isolation import COMPILES, Child
from converter.job import Hands, prepare
from converter.options import Options
from converter.report.model import Report
from converter.source import snapshot
from converter.toolchain import cache
from converter.toolchain.facts import Deadlines
from converter.toolchain.pool import Pool
from converter.verdict.rule import Rule

if TYPE_CHECKING:
    from converter.toolchain.provision import Progress


@contextlib.contextmanager
def pool_for(options: Options, progress: Progress) -> Iterator[Pool]:
    """A pool of workers with the deadlines of `options`."""
    with Pool(progress=progress, deadlines=Deadlines(request=options.timeout)) as pool:
        yield pool


def run(
    source: Path,
    export_folder: Path,
    options: Options,
    pool: Pool,
    progress: Progress,
    *,
    child: Child | None = None,
) -> Report:
    """Convert, prove and publish. An expected failure is in the report, not raised.

    child: one that was started before this module was imported, of COMPILES; it stays open.
    """
    report = Report(
        source=source,
        rule=str(Rule(options.rtol, options.atol)),
        export_folder=export_folder,
        options=options,
        started=datetime.now(timezone.utc),
    )
    try:
        publish.check_version(export_folder, options.model_version)
        with contextlib.nullcontext(child) if child else Child(*COMPILES) as reader:
            hands = Hands(reader, pool, report, progress)
            if options.proves or not _alone(source, export_folder, options, hands):
                _with_toolchains(source, export_folder, options, hands)
    except ConvertH5Error as error:
        report.error = error
    return report


def _alone(source: Path, export_folder: Path, options: Options, hands: Hands) -> bool:
    """Whether direct published, which needs no toolchain, and no copy of what it reads as data."""
    with snapshot.watch(source) as digest:
        try:
            job = prepare(source, source, digest, options, hands)
            if not job.plan.direct:
                return False
            with publish.staging(export_folder) as staging:
                return attempts.run(job, Route(None, staging, export_folder), job.plan.alone())
        finally:
            with contextlib.suppress(SourceChanged):
                hands.report.sha256 = digest()


def _with_toolchains(source: Path, export_folder: Path, options: Options, hands: Hands) -> None:
    """Publish, or raise why not."""
    from converter import targets

    # The copy of the source is in a staging folder too, so that the next run removes what a killed
    # one left.
    with publish.staging(cache.root() / "jobs") as folder:
        copy, digest = snapshot.take(source, folder)
        hands.report.sha256 = digest
        job = prepare(source, copy, lambda: digest, options, hands)
        with publish.staging(export_folder) as staging:
            targets.run(job, staging, export_folder)
