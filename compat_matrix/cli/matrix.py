"""`convert-h5 matrix MODEL...`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from compat_matrix.cli import seats
from compat_matrix.cli.seats import SEATS
from converter.cli import console
from converter.cli.options import PATH, with_options
from converter.errors import UsageError


def _names(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


@click.command(
    "matrix",
    epilog="""Examples:

    \b
    convert-h5 matrix model.h5 other.h5 -o results
    convert-h5 matrix models/*.h5 --toolchains 'tf1.15-*' --toolchains tf2.2 --servings 1.15,2.2
    convert-h5 matrix model.h5 --strategies direct,builder --json

    Exit codes: 0 measured, whatever came of it; 2 usage; 70 internal error; 130 interrupted (the
    same command goes on where it was).
    """,
)
@click.argument("models", type=PATH, nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "-o", "--output", type=PATH, default=Path("matrix"), show_default=True, help="For the results."
)
@click.option(
    "--toolchains", multiple=True, default=("*",), metavar="GLOB", help="Which; repeatable. [all]"
)
@click.option(
    "--strategies", default="", callback=_names, metavar="A,B", help="Which; all by default."
)
@click.option(
    "--servings",
    default="1.14,1.15,2.2,2.21",
    show_default=True,
    callback=_names,
    metavar="X,Y",
    help="Releases of TensorFlow Serving.",
)
@with_options(SEATS)
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON document.")
def command(
    *,
    models: tuple[Path, ...],
    output: Path,
    toolchains: tuple[str, ...],
    strategies: tuple[str, ...],
    servings: tuple[str, ...],
    jobs: int,
    dask: str | None,
    send_files: bool,
    as_json: bool,
) -> int:
    """Measure which toolchain, strategy and release of TensorFlow Serving work for each MODEL.

    A MODEL is an .h5 file, or a folder of them. Writes matrix.html, .md, .csv and .json. What was
    measured before under the same inputs is not measured again.
    """
    from compat_matrix import formats, matrix, results
    from compat_matrix.store import Store

    axes = _axes(toolchains, strategies, servings)
    paths = seats.files(models)
    store = Store(output)
    with (
        console.progress(quiet=as_json) as progress,
        seats.executor(jobs, dask) as executor,
    ):
        usable = axes if dask else matrix.provide(axes, progress)
        rows = matrix.run(paths, usable, executor, store, progress, send=send_files)
    document = results.document(rows)
    formats.write(document, output)
    if as_json:
        click.echo(json.dumps(document))
        return 0
    kinds = Counter(row.outcome.kind for row in rows)
    console.say(", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
    click.echo(str(output / "matrix.html"))
    return 0


def _axes(patterns: tuple[str, ...], strategies: tuple[str, ...], servings: tuple[str, ...]) -> Any:
    """The axes that were asked for. Raises UsageError, UnknownToolchain."""
    from compat_matrix.cells import Axes
    from converter import rules
    from converter.toolchain import catalog

    known = (rules.DIRECT, *rules.STRATEGY_MODES)
    for name in strategies:
        if name not in known:
            raise UsageError(f"There is no strategy '{name}'", fix=f"Choose of: {', '.join(known)}")
    for release in servings:
        catalog.for_serving(release)
    wanted = {found.id for pattern in patterns for found in catalog.matching(pattern)}
    chosen = tuple(t for t in catalog.load().values() if t.id in wanted)
    return Axes(chosen, strategies or known, servings)
