"""`convert-h5 call URL`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from converter.cli import console
from converter.cli.options import PATH


@click.command(
    "call",
    epilog="""Examples:

    \b
    convert-h5 call http://localhost:8501/v1/models/m
    convert-h5 call grpc://localhost:8500/m --batch 8 --json
    convert-h5 call http://localhost:8501/v1/models/m/versions/3 --metadata
    convert-h5 call grpc://localhost:8500/m --inputs in.npz --save out.npz
    """,
)
@click.argument("url")
@click.option("--metadata", "only_metadata", is_flag=True, help="Send no request.")
@click.option("--signature", default="serving_default", show_default=True, help="Which to ask.")
@click.option("--inputs", type=PATH, metavar="F.npz", help="Inputs by key; random without.")
@click.option("--output", "outputs", multiple=True, help="Only this output; repeatable.")
@click.option(
    "--batch", default=1, show_default=True, type=click.IntRange(1), help="Rows of random inputs."
)
@click.option("--seed", default=0, show_default=True, help="Of random inputs.")
@click.option("--rows", is_flag=True, help="REST in row format; in columns without.")
@click.option("--save", type=PATH, metavar="F.npz", help="Write the outputs to a file.")
@click.option(
    "--timeout", default=60.0, show_default=True, type=click.FloatRange(0.001), help="In seconds."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    *,
    url: str,
    only_metadata: bool,
    rows: bool,
    save: Path | None,
    timeout: float,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Show what the model at URL takes and gives, and send it one request.

    URL is http://HOST:PORT/v1/models/NAME or grpc://HOST:PORT/NAME, either with /versions/N or
    /labels/L behind it. Names, dtypes and shapes come from the model's own metadata.
    """
    from converter import calling

    with calling.client_for(url, row=rows, timeout=timeout) as client:
        called = calling.call(client, None if only_metadata else calling.Call(**wanted))
    if save is not None:
        calling.save(called.outputs, save)
    if as_json:
        click.echo(json.dumps(calling.as_dict(called), indent=1))
    else:
        for line in calling.lines(called):
            click.echo(line)
        if save is not None:
            console.say(f"outputs written to {save}")
