"""`convert-h5 [convert] MODEL.h5 EXPORT_DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from converter.cli import console
from converter.cli.options import PATH, PROOF, REPORT, SOURCE, with_options
from converter.options import Options


def _version(_: click.Context, parameter: click.Parameter, value: str) -> int | None:
    if value == "auto":
        return None
    if not value.isdecimal():
        raise click.BadParameter(f"'{value}' is neither a number nor 'auto'", param=parameter)
    return int(value)


@click.command(
    "convert",
    epilog="""Examples:

    \b
    convert-h5 model.h5 models/m
    convert-h5 model.h5 models/m --strategy builder --signature predict --freeze
    convert-h5 weights.h5 models/m --architecture model.json
    convert-h5 model.h5 models/m --inputs in.npz --expected out.npz --json

    Exit codes: 0 published, 1 answers differ, 2 usage, 3 source not supported, 4 refused as
    unsafe, 5 no toolchain, 6 not served, 7 not converted, 70 internal error, 130 interrupted.
    """,
)
@click.argument("model", type=PATH, metavar="MODEL.h5")
@click.argument("export_dir", type=PATH)
@click.option("--strategy", default="auto", show_default=True, help="How to make the SavedModel.")
@click.option(
    "--model-version", default="auto", callback=_version, help="Version folder; the next free one."
)
@click.option("--signature", "signatures", multiple=True, help="One more signature name.")
@click.option("--freeze", is_flag=True, help="Constants in place of variables, for older servers.")
@click.option("--no-verify", is_flag=True, help="Publish without proof.")
@with_options(SOURCE, PROOF, REPORT)
def command(
    *,
    model: Path,
    export_dir: Path,
    no_verify: bool,
    report_dir: Path | None,
    junit: Path | None,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Convert MODEL.h5, prove the result and publish it as EXPORT_DIR/<n>.

    The result is served and asked over REST and gRPC; its answers are held against predictions of
    the Keras that wrote the file. Nothing appears in EXPORT_DIR unless they agree.
    """
    from converter.isolation import COMPILES, Child

    options = Options(verify=not no_verify, **chosen)
    with Child(*COMPILES) as child:
        # Both import what they need at the same time.
        from converter import pipeline
        from converter.cli.reporting import Reporting

        reporting = Reporting(report_dir, junit, as_json)
        with (
            console.progress(quiet=as_json) as progress,
            pipeline.pool_for(options, progress) as pool,
        ):
            report = pipeline.run(model, export_dir, options, pool, progress, child=child)
    if report.published is not None and not as_json:
        reporting.result = str(report.published)
    return reporting.finish(report)
