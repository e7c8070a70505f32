"""Options that several verbs have, in groups."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

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


# What is permitted of the code that a file asks for.
CODE = (
    click.option(
        "--custom-objects", type=PATH, metavar="FILE.py", help="Your own layers and functions."
    ),
    click.option(
        "--allow-lambda", multiple=True, metavar="sha256:…", help="Run exactly this bytecode."
    ),
)

SOURCE = (
    click.option("--toolchain", default="auto", show_default=True, help="In which toolchain."),
    click.option("--python", type=PATH, help="Use the environment of this Python."),
    click.option(
        "--rename-input",
        "rename_inputs",
        multiple=True,
        callback=_pairs,
        metavar="OLD=NEW",
        help="Another key for an input.",
    ),
    click.option(
        "--rename-output",
        "rename_outputs",
        multiple=True,
        callback=_pairs,
        metavar="OLD=NEW",
        help="Another key for an output.",
    ),
    click.option(
        "--tag",
        "tags",
        multiple=True,
        default=("serve",),
        show_default=True,
        help="Tag of the graph; repeatable.",
    ),
    *CODE,
    click.option(
        "--architecture",
        type=PATH,
        metavar="F.json",
        help="model.to_json() for a weights-only file.",
    ),
    click.option(
        "--timeout",
        default=900.0,
        show_default=True,
        type=click.FloatRange(1),
        help="Seconds a worker may take for one step.",
    ),
)

PROOF = (
    click.option(
        "--serving",
        default="auto",
        show_default=True,
        help="What serves: local[:VERSION], docker[:VERSION] or none.",
    ),
    click.option(
        "--serving-image", metavar="IMAGE", help="An image in place of tensorflow/serving."
    ),
    click.option("--inputs", type=PATH, metavar="F.npz", help="Inputs by signature key."),
    click.option("--expected", type=PATH, metavar="F.npz", help="Recorded answers to --inputs."),
    click.option(
        "--samples",
        default=4,
        show_default=True,
        type=click.IntRange(2),
        help="Rows of the batch.",
    ),
    click.option(
        "--rtol", default=1e-4, show_default=True, type=click.FloatRange(0), help="See --atol."
    ),
    click.option(
        "--atol",
        default=1e-5,
        show_default=True,
        type=click.FloatRange(0),
        help="Equal is |a-b| <= atol + rtol*|b|.",
    ),
    click.option("--seed", default=0, show_default=True, help="Of the samples."),
)

REPORT = (
    click.option(
        "--report",
        "report_dir",
        type=PATH,
        metavar="DIR",
        help="Write report.html, .md, .json and logs.",
    ),
    click.option("--junit", type=PATH, metavar="FILE", help="Write a JUnit report."),
    click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON document."),
)


def with_options(
    *groups: tuple[Callable[[Decorated], Decorated], ...],
) -> Callable[[Decorated], Decorated]:
    """A decorator that gives a command the options of `groups`, in their order."""

    def decorate(command: Decorated) -> Decorated:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate
