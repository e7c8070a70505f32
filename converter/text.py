"""Text from files and libraries, made fit for a line on a terminal."""

from __future__ import annotations

LONGEST = 2000


def printable(text: str) -> str:
    """`text` on one line, its control characters and lone surrogates shown as escapes."""
    return escaped(" ".join(text.split()))


def escaped(text: str) -> str:
    """`text` with its control characters and lone surrogates shown as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shortened(text: str, longest: int = LONGEST) -> str:
    """`text`, its middle left out where it is longer than `longest`."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} … {text[-half:]}"
