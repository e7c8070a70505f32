"""`convert-h5 serve`: TensorFlow Serving's own flags, so they are not click's."""

from __future__ import annotations

import click


@click.command(
    "serve",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> int:
    """Serve SavedModels over REST and gRPC, with TensorFlow Serving's flags."""
    from converter.serving import serve

    return serve.run(arguments)
