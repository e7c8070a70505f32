"""`convert-h5 serve`: TensorFlow Serving's command line over the embedded server."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from converter import __version__
from converter.serving.server import flags as command_lines
from converter.serving.server.config import Models
from converter.serving.server.flags import EXIT_USAGE, Flags, WrongUsage
from converter.serving.server.server import Listen, Server, first_models
from converter.serving.status import StatusError
from converter.serving.workers import Workers
from converter.toolchain import catalog, own
from converter.toolchain.catalog import Toolchain
from converter.toolchain.pool import Pool

# What a main() that returns -1 looks like from outside: TensorFlow Serving did not start.
EXIT_NOT_STARTED = 255

log = logging.getLogger(__name__)


def run(arguments: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM; the exit code. Raises a ToolchainError."""
    try:
        line = command_lines.parse(arguments)
    except WrongUsage as wrong:
        for error in wrong.errors:
            print(error, file=sys.stderr)
        print(command_lines.usage(), end="", file=sys.stderr if wrong.errors else sys.stdout)
        return EXIT_USAGE if wrong.errors else 0
    if line.flags.version:
        toolchain = _toolchain(line.flags)
        print(command_lines.version_text(__version__, toolchain.tensorflow), end="")
        return 0
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s.%(msecs)03d: %(levelname).1s %(name)s] %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
    )
    print(line.output, end="", file=sys.stderr)
    for warning in line.warnings:
        log.warning(warning)
    try:
        line.check()
        models = first_models(line.flags)
        with Pool(progress=log.info) as pool:
            toolchain = _toolchain(line.flags)
            workers = Workers(lambda: pool.link(toolchain), line.flags.parallelism)
            log.info("TensorFlow %s of %s runs the models", toolchain.tensorflow, toolchain.id)
            _serve(Server(workers, line.flags), models, Listen.of(line.flags))
    except StatusError as error:
        print(f"Failed to start server. Error: {error}", file=sys.stderr)
        return EXIT_NOT_STARTED
    except OSError as error:
        print(f"Failed to start server. Error: UNAVAILABLE: {error}", file=sys.stderr)
        return EXIT_NOT_STARTED
    return 0


def _serve(server: Server, models: Models | None, listen: Listen) -> None:
    """Start and answer until a signal comes, then finish what is under way."""
    with server:
        try:
            server.start(models, listen)
            threading.Event().wait()
        except KeyboardInterrupt:
            log.info("Asked to end; requests under way are finished first")


def _toolchain(flags: Flags) -> Toolchain:
    """The toolchain of --toolchain or --python; the newest that stands for a server otherwise."""
    if flags.python:
        return own.describe(Path(flags.python))
    if flags.toolchain != "auto":
        return catalog.get(flags.toolchain)
    return [t for t in catalog.load().values() if t.serving][-1]
