"""`convert-h5 batch MODEL... --into ROOT`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from compat_matrix.cli import seats
from compat_matrix.cli.seats import SEATS
from converter.cli import console
from converter.cli.options import PATH, PROOF, SOURCE, with_options
from converter.options import Options

FAILED = 1


@click.command(
    "batch",
    epilog="""Examples:

    \b
    convert-h5 batch models --into served
    convert-h5 batch models/*.h5 --into served --serving local:2.2 --json
    convert-h5 batch models/*.h5 --into served --dask tcp://10.0.0.1:8786

    Exit codes: 0 all published, 1 some were not, 2 usage, 70 internal error, 130 interrupted (the
    same command goes on where it was).
    """,
)
@click.argument("models", type=PATH, nargs=-1, required=True, metavar="MODEL...")
@click.option("--into", "root", type=PATH, required=True, metavar="ROOT", help="For the folders.")
@click.option("--strategy", default="auto", show_default=True, help="How to make the SavedModels.")
@click.option("--signature", "signatures", multiple=True, help="One more signature name.")
@click.option("--freeze", is_flag=True, help="Constants in place of variables, for older servers.")
@with_options(SEATS, SOURCE, PROOF)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON document.")
def command(
    *,
    models: tuple[Path, ...],
    root: Path,
    jobs: int,
    dask: str | None,
    send_files: bool,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Convert and prove each MODEL and publish it as ROOT/<name>/<n>.

    A MODEL is an .h5 file, or a folder of them.

    One bad file stops nothing. What is published already is not converted again.
    """
    from compat_matrix import batch

    options = Options(**chosen)
    paths = seats.files(models)
    with (
        console.progress(quiet=as_json) as progress,
        seats.executor(jobs, dask) as executor,
    ):
        items = batch.run(paths, root.absolute(), options, executor, progress, send=send_files)
    summary = batch.document(items)
    text = json.dumps(summary, indent=1) + "\n"
    (root / "batch.json").write_text(text, encoding="utf-8")
    if as_json:
        click.echo(json.dumps(summary))
    else:
        for item in items:
            if item.exit_code:
                console.say(f"{item.name}: {item.error} [exit {item.exit_code}]")
        ways = Counter(item.strategy for item in items if item.strategy)
        told = ", ".join(f"{count} by {strategy}" for strategy, count in ways.most_common())
        console.say(f"{summary['published']} published ({told}), {summary['failed']} not")
        click.echo(str(root / "batch.json"))
    return FAILED if summary["failed"] else 0
