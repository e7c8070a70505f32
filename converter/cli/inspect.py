"""`convert-h5 inspect MODEL.h5...`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from converter.cli import console
from converter.cli.options import CODE, PATH, with_options
from converter.errors import ConvertH5Error


@click.command(
    "inspect",
    epilog="""Examples:

    \b
    convert-h5 inspect model.h5
    convert-h5 inspect model.h5 --json | jq .writer
    convert-h5 inspect --check models/*.h5

    Exit codes: 0 read, 2 usage, 3 a source cannot be read or is not supported, 4 one is refused as
    unsafe (with --check), 5 none of its toolchains would do (with --check), 70 internal error.
    Of several files, the first that failed says which.
    """,
)
@click.argument("models", type=PATH, nargs=-1, required=True, metavar="MODEL.h5...")
@click.option("--check", is_flag=True, help="Only tell what is wrong; fail where something is.")
@with_options(CODE)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document for each file.")
def command(*, models: tuple[Path, ...], check: bool, as_json: bool, **permitted: Any) -> int:
    """Tell what each MODEL.h5 is, what is risky in it, and what would be done with it, and why.

    The file is read as data: nothing of it is loaded or run. With --check, nothing is printed of a
    file that can be read and is not refused: what a hook before a commit wants to know.
    """
    if check and as_json:
        raise click.UsageError("--check prints no JSON")
    code = 0
    for model in models:
        try:
            _check(model, **permitted) if check else _tell(model, as_json)
        except ConvertH5Error as error:
            console.fail(error)
            code = code or error.exit_code
    return code


def _tell(model: Path, as_json: bool) -> None:
    from converter import api
    from converter.report import inspection
    from converter.text import escaped

    source = api.inspect(model)
    if as_json:
        click.echo(json.dumps(inspection.as_dict(source), indent=1))
    else:
        for line in inspection.lines(source):
            click.echo(escaped(line))


def _check(model: Path, custom_objects: Path | None, allow_lambda: tuple[str, ...]) -> None:
    """Raises the SourceError, UnsafeSource or ToolchainError that a conversion would end with.

    A file of weights alone passes: what it lacks may be in another file.
    """
    from converter import api, plan
    from converter.options import Options
    from converter.source import permits

    source = api.inspect(model)
    permits.check(source, allow_lambda, custom_objects)
    plan.make(source, Options())
