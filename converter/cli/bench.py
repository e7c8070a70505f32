"""`convert-h5 bench TARGET`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from converter.cli import console
from converter.cli.options import PATH, SOURCE, with_options


def _numbers(_: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in value.split(",") if part.strip())
    except ValueError:
        found = (0,)
    if any(number < 1 for number in found):
        raise click.BadParameter(f"'{value}' is not numbers such as 1,8,64", param=parameter)
    return found


def _names(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


MEASURING = (
    click.option("--ways", default="", callback=_names, metavar="A,B", help="Which; all without."),
    click.option(
        "--batches",
        default="",
        callback=_numbers,
        metavar="N,M",
        help="Rows of a request; 1, 4, 16 … up to 256 rows or 4 MB without.",
    ),
    click.option(
        "--concurrency",
        "concurrencies",
        default="1",
        show_default=True,
        callback=_numbers,
        metavar="N,M",
        help="Callers at once.",
    ),
    click.option(
        "--connection",
        type=click.Choice(["kept", "fresh", "both"]),
        default="kept",
        show_default=True,
        help="One for all calls of a caller, or a new one for each.",
    ),
    click.option(
        "--rounds", default=10, show_default=True, type=click.IntRange(1), help="Of all cases."
    ),
    click.option(
        "--calls",
        default=5,
        show_default=True,
        type=click.IntRange(1),
        help="Of each caller in a round.",
    ),
    click.option(
        "--warmup",
        default=3,
        show_default=True,
        type=click.IntRange(1),
        help="Calls before the first round.",
    ),
    click.option(
        "--sweep",
        default=3,
        show_default=True,
        type=click.IntRange(0),
        help="More batches, to find where the winner changes.",
    ),
    click.option("--seed", default=0, show_default=True, help="Of the inputs and the order."),
    click.option("--inputs", type=PATH, metavar="F.npz", help="Inputs by key; random without."),
    click.option("--signature", default="serving_default", show_default=True, help="Which to ask."),
    click.option("--rest", metavar="HOST:PORT", help="REST, beside a grpc:// URL."),
    click.option("--grpc", metavar="HOST:PORT", help="gRPC, beside an http:// URL. [port 8500]"),
    click.option(
        "--patience",
        default=60.0,
        show_default=True,
        type=click.FloatRange(0.001),
        help="Seconds for one request.",
    ),
)
CONVERTING = (
    click.option(
        "--serving",
        default="auto",
        show_default=True,
        help="What serves a file or a folder: local[:VERSION] or docker[:VERSION].",
    ),
    click.option(
        "--serving-image", metavar="IMAGE", help="An image in place of tensorflow/serving."
    ),
    click.option(
        "--strategy", default="auto", show_default=True, help="How an .h5 file is converted."
    ),
)
RESULTS = (
    click.option(
        "-o", "--output", type=PATH, metavar="DIR", help="Write bench.json, .csv, .html and plots."
    ),
    click.option(
        "--plots/--no-plots",
        default=None,
        help="Insist on plots, or leave them out; drawn where matplotlib is installed without.",
    ),
    click.option(
        "--baseline", type=PATH, metavar="OLD.json", help="Exit 1 where a case is slower than it."
    ),
    click.option(
        "--threshold",
        default=20.0,
        show_default=True,
        type=click.FloatRange(0),
        help="Per cent that a median may be slower than the baseline's.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON document."),
)


@click.command(
    "bench",
    epilog="""Examples:

    \b
    convert-h5 bench model.h5 -o results
    convert-h5 bench models/m/3 --serving local:2.15 --batches 1,8,64 --concurrency 1,4
    convert-h5 bench http://localhost:8501/v1/models/m --grpc localhost:8500 --connection both
    convert-h5 bench models/m --ways rest-row,grpc-content --json > new.json
    convert-h5 bench models/m --baseline old.json --threshold 10

    Exit codes: 0 measured, 1 a wrong answer or slower than the baseline, 2 usage, 3 to 5 and 7 as
    in convert, 6 not served or not reachable, 70 internal error, 130 interrupted.
    """,
)
@click.argument("target", metavar="MODEL.h5|FOLDER|URL")
@with_options(MEASURING, CONVERTING, SOURCE, RESULTS)
def command(
    *,
    target: str,
    output: Path | None,
    plots: bool | None,
    baseline: Path | None,
    threshold: float,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Measure a served model over HTTP and gRPC, the client's own share told apart.

    The target is an .h5 file, which is converted first, a SavedModel's folder or the URL of a
    server that is running.
    """
    from converter.bench import baseline as baselines
    from converter.bench import formats, run
    from converter.bench import plots as drawings

    if plots:
        drawings.require()
    old = None if baseline is None else baselines.load(baseline)
    wanted, options = _wanted(chosen)
    with console.progress(quiet=as_json) as progress:
        document = run.run(target, wanted, options, progress)
    if old is not None:
        entries = baselines.compare(old, document, threshold / 100)
        document["baseline"] = {"threshold": threshold / 100, "cases": entries}
    if output is not None:
        drawn = {} if plots is False or not drawings.installed() else drawings.draw(document)
        formats.write(document, output, drawn)
    if as_json:
        click.echo(json.dumps(document))
    else:
        for line in formats.lines(document):
            click.echo(line)
        if output is not None:
            console.say(f"results written to {output}")
            if plots is None and not drawings.installed():
                console.say("no plots: pip install 'convert-h5[plots]'")
    if old is not None:
        baselines.check(document["baseline"]["cases"], threshold / 100)
    return 0


def _wanted(chosen: dict[str, Any]) -> tuple[Any, Any]:
    """What is to be measured, and how an .h5 file is to be converted, from the options."""
    from converter.bench.cases import CONNECTIONS
    from converter.bench.measure import Settings
    from converter.bench.run import Wanted
    from converter.options import Options

    of_settings = ("rounds", "calls", "warmup", "seed")
    settings = Settings(**{name: chosen.pop(name) for name in of_settings})
    connection = chosen.pop("connection")
    wanted = Wanted(
        settings=settings,
        connections=CONNECTIONS if connection == "both" else (connection,),
        timeout=chosen.pop("patience"),
        **{
            name: chosen.pop(name)
            for name in (
                *("ways", "batches", "concurrencies", "sweep", "inputs", "signature", "rest"),
                "grpc",
            )
        },
    )
    return wanted, Options(**chosen)
