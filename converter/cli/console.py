"""Human text on standard error: a spinner on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from converter.errors import ConvertH5Error
from converter.text import escaped


@contextlib.contextmanager
def progress(quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """A function that tells what is going on right now."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        console = Console(stderr=True, highlight=False)
        with console.status("starting") as status:
            yield lambda text: status.update(Text(escaped(text)))
    else:
        yield say


def say(text: str) -> None:
    """One line for people."""
    print(escaped(text), file=sys.stderr, flush=True)


def fail(error: ConvertH5Error) -> None:
    """The one line that tells a failure."""
    say(f"convert-h5: {error.line()} [{error.id}]")
