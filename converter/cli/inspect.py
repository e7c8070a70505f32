"""`convert-h5 inspect MODEL.h5`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command(
    "inspect",
    epilog="""Examples:

    \b
    convert-h5 inspect model.h5
    convert-h5 inspect model.h5 --json | jq .writer
    """,
)
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.h5")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(model: Path, as_json: bool) -> None:
    """Tell what MODEL.h5 is, what is risky in it, and what would be done with it, and why.

    The file is read as data: nothing of it is loaded or run.
    """
    from converter import api
    from converter.report import inspection
    from converter.text import escaped

    source = api.inspect(model)
    if as_json:
        click.echo(json.dumps(inspection.as_dict(source), indent=1))
    else:
        for line in inspection.lines(source):
            click.echo(escaped(line))
