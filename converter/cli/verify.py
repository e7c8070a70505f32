"""`convert-h5 verify SAVED_MODEL MODEL.h5`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from converter.cli import console
from converter.cli.options import PATH, PROOF, REPORT, SOURCE, with_options
from converter.options import Options


@click.command(
    "verify",
    epilog="""Examples:

    \b
    convert-h5 verify models/m/3 model.h5
    convert-h5 verify models/m/3 model.h5 --serving docker:2.2.0 --junit report.xml
    convert-h5 verify models/m/3 model.h5 --inputs in.npz --expected out.npz --json

    Exit codes: 0 verified, 1 answers differ, 2 usage, 3 source not supported, 4 refused as unsafe,
    5 no toolchain, 6 not served, 70 internal error, 130 interrupted.
    """,
)
@click.argument("saved_model", type=PATH)
@click.argument("model", type=PATH, metavar="MODEL.h5")
@with_options(SOURCE, PROOF, REPORT)
def command(
    *,
    saved_model: Path,
    model: Path,
    report_dir: Path | None,
    junit: Path | None,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Check the version folder SAVED_MODEL before it is deployed.

    It is served and asked over REST and gRPC, and its answers are held against predictions of the
    Keras that wrote MODEL.h5. Nothing is changed or published.
    """
    from converter import pipeline, verification
    from converter.cli.reporting import Reporting

    options = Options(**chosen)
    with (
        console.progress(quiet=as_json) as progress,
        pipeline.pool_for(options, progress) as pool,
    ):
        report = verification.run(saved_model, model, options, pool, progress)
    return Reporting(report_dir, junit, as_json).finish(report)
