"""Entry point of `convert-h5`: picks the verb; turns failures into one line and an exit code."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Any

import click

from converter import __version__, memory
from converter.cli import console
from converter.errors import ConvertH5Error

INTERRUPTED = 130
DEFAULT_VERB = "convert"

# Verb -> (module, one line of help). Modules are imported when their verb is used.
VERBS = {
    "convert": ("converter.cli.convert", "Convert, prove and publish a model (the default)."),
    "inspect": ("converter.cli.inspect", "Tell what a file is and what would be done with it."),
    "verify": ("converter.cli.verify", "Check a SavedModel against the .h5 it was made from."),
    "serve": (
        "converter.cli.serve",
        "Serve SavedModels as TensorFlow Serving does, without Docker.",
    ),
    "call": ("converter.cli.call", "Ask a served model: its metadata, and one request."),
    "bench": ("converter.cli.bench", "Measure HTTP against gRPC, the client told apart."),
    "batch": ("compat_matrix.cli.batch", "Convert and prove many files."),
    "matrix": ("compat_matrix.cli.matrix", "Measure which toolchain, strategy and server work."),
    "ci": ("converter.cli.ci", "Convert and verify as a pipeline's variables say."),
    "toolchain": ("converter.cli.toolchain", "List, install and remove toolchains."),
}


class Verbs(click.Group):
    """A group that loads its verbs on demand and takes `FILE DIR` for `convert FILE DIR`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(VERBS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, told) for verb, (_, told) in VERBS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {"--help", "-h", "--version"}
        if args and args[0] not in VERBS and args[0] not in own:
            args = [DEFAULT_VERB, *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`convert-h5 FILE DIR` is short for `convert-h5 convert FILE DIR`.",
)
@click.version_option(__version__, prog_name="convert-h5")
def group() -> None:
    """Any Keras .h5 in, a proven TensorFlow SavedModel out.

    \b
    convert-h5 model.h5 models/m        convert, prove, publish models/m/1
    convert-h5 inspect model.h5         what is it, and what would be done
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    memory.keep_freed()
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as a background job has it
        signal.signal(signal.SIGINT, _interrupt)
    try:
        code: Any = group.main(
            args=list(arguments) if arguments is not None else None, standalone_mode=False
        )
        return int(code or 0)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("convert-h5: interrupted; everything was cleaned up", file=sys.stderr)
        return INTERRUPTED
    except ConvertH5Error as error:
        console.fail(error)
        return error.exit_code
    except Exception as error:
        from converter.cli.crash import write_log

        path = write_log(error)
        print(
            f"convert-h5: internal error, {type(error).__name__}: {' '.join(str(error).split())}. "
            f"Please report it with the file {path} [internal]",
            file=sys.stderr,
        )
        return ConvertH5Error.exit_code


def _interrupt(*_: object) -> None:
    """End the run, once: a second signal must not end the cleaning up."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
