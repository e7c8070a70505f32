"""`convert-h5 toolchain list|install|remove|path`."""

from __future__ import annotations

import json
from typing import Any

import click

from converter.cli import console


@click.group(
    "toolchain",
    epilog="""Examples:

    \b
    convert-h5 toolchain list
    convert-h5 toolchain install tf1.15-keras2.3 'tf1.12-*'
    convert-h5 toolchain install --all
    """,
)
def command() -> None:
    """The pinned environments that models are converted and proven in."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(as_json: bool) -> None:
    """Every toolchain of the catalog, and whether it is installed and healthy."""
    from converter.toolchain import cache, catalog

    entries: list[dict[str, Any]] = []
    for toolchain in catalog.load().values():
        folder = cache.folder_of(toolchain)
        state = "not installed"
        if folder.exists():
            reason = cache.unhealthy(folder, toolchain)
            state = "installed" if reason is None else f"broken: {reason}"
        entries.append(
            {
                "id": toolchain.id,
                "python": list(toolchain.python),
                "tensorflow": toolchain.tensorflow,
                "keras": {f.name: f.version for f in toolchain.flavours},
                "state": state,
            }
        )
    if as_json:
        click.echo(json.dumps({"schema": "convert-h5/toolchains/1", "toolchains": entries}))
        return
    for entry in entries:
        kerases = ", ".join(f"{name} {version}" for name, version in entry["keras"].items())
        click.echo(
            f"{entry['id']:18} TensorFlow {entry['tensorflow']:7} "
            f"Python {entry['python'][0]:5} {entry['state']:14} {kerases}"
        )


@command.command()
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--all", "everything", is_flag=True, help="The whole catalog.")
def install(ids: tuple[str, ...], everything: bool) -> None:
    """Install toolchains now, so that later runs need no network.

    An ID may be a pattern, such as 'tf1.12-*'.
    """
    from converter.toolchain import catalog, provision

    wanted = ["*"] if everything else list(ids)
    if not wanted:
        raise click.UsageError("Name a toolchain, or use --all.")
    with console.progress() as progress:
        for toolchain in [found for id_ in wanted for found in catalog.matching(id_)]:
            provision.provide(toolchain, progress)


@command.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def remove(ids: tuple[str, ...]) -> None:
    """Delete installed toolchains."""
    from converter.toolchain import catalog, provision

    for toolchain in [catalog.get(id_) for id_ in ids]:
        for folder in provision.remove(toolchain):
            console.say(f"removed {folder}")


@command.command()
@click.argument("id", metavar="ID")
def path(id: str) -> None:
    """Print the folder of a toolchain, whether it is installed or not."""
    from converter.toolchain import cache, catalog

    click.echo(str(cache.folder_of(catalog.get(id))))
