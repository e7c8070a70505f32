"""`convert-h5 [convert] MODEL.h5 EXPORT_DIR`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from converter.cli import console
from converter.options import Options

# Click hands on lists; Options has tuples and mappings.
PATH = click.Path(path_type=Path)


def _pairs(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for value in values:
        old, equals, new = value.partition("=")
        if not (old and equals and new):
            raise click.BadParameter(f"'{value}' is not OLD=NEW", param=parameter)
        pairs[old] = new
    return pairs


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
@click.option("--toolchain", default="auto", show_default=True, help="In which toolchain.")
@click.option("--python", type=PATH, help="Convert in the environment of this Python.")
@click.option(
    "--model-version", default="auto", callback=_version, help="Version folder; the next free one."
)
@click.option("--signature", "signatures", multiple=True, help="One more signature name.")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    default=("serve",),
    show_default=True,
    help="Tag of the graph; repeatable.",
)
@click.option(
    "--rename-input",
    "rename_inputs",
    multiple=True,
    callback=_pairs,
    metavar="OLD=NEW",
    help="Another key for an input.",
)
@click.option(
    "--rename-output",
    "rename_outputs",
    multiple=True,
    callback=_pairs,
    metavar="OLD=NEW",
    help="Another key for an output.",
)
@click.option("--freeze", is_flag=True, help="Constants in place of variables, for older servers.")
@click.option(
    "--serving",
    default="auto",
    show_default=True,
    help="Prove for this server: local, local:VERSION or none.",
)
@click.option("--no-verify", is_flag=True, help="Publish without proof.")
@click.option("--inputs", type=PATH, metavar="F.npz", help="Inputs by signature key.")
@click.option("--expected", type=PATH, metavar="F.npz", help="Recorded answers to --inputs.")
@click.option(
    "--samples", default=4, show_default=True, type=click.IntRange(2), help="Rows of the batch."
)
@click.option(
    "--rtol", default=1e-4, show_default=True, type=click.FloatRange(0), help="See --atol."
)
@click.option(
    "--atol",
    default=1e-5,
    show_default=True,
    type=click.FloatRange(0),
    help="Equal is |a-b| <= atol + rtol*|b|.",
)
@click.option("--seed", default=0, show_default=True, help="Of the samples.")
@click.option(
    "--custom-objects", type=PATH, metavar="FILE.py", help="Your own layers and functions."
)
@click.option(
    "--allow-lambda", multiple=True, metavar="sha256:…", help="Run exactly this bytecode."
)
@click.option(
    "--architecture", type=PATH, metavar="F.json", help="model.to_json() for a weights-only file."
)
@click.option(
    "--timeout",
    default=900.0,
    show_default=True,
    type=click.FloatRange(1),
    help="Seconds a worker may take for one step.",
)
@click.option(
    "--report", "report_dir", type=PATH, metavar="DIR", help="Write report.json and logs."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON document.")
def command(
    model: Path,
    export_dir: Path,
    no_verify: bool,
    report_dir: Path | None,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Convert MODEL.h5, prove the result and publish it as EXPORT_DIR/<n>.

    The served answers are held against predictions of the Keras that wrote the file; nothing
    appears in EXPORT_DIR unless they agree.
    """
    from converter import pipeline
    from converter.report import files, terminal
    from converter.report.model import as_dict

    options = Options(verify=not no_verify, **chosen)
    with (
        console.progress(quiet=as_json) as progress,
        pipeline.pool_for(options, progress) as pool,
    ):
        report = pipeline.run(model, export_dir, options, pool, progress)
    if as_json:
        click.echo(json.dumps(as_dict(report), indent=1))
    else:
        for line in terminal.lines(report):
            console.say(line)
        if report.published is not None:
            click.echo(str(report.published))
    if report_dir is not None:
        files.write(report, report_dir)
    if report.error is not None and not as_json:
        raise report.error
    return report.exit_code
