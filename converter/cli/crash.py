"""The log of an internal error, as Markdown that can be pasted into an issue."""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from pathlib import Path

from converter import __version__


def write_log(error: BaseException) -> Path:
    """Write versions, the command and the traceback; returns the file."""
    text = "\n".join(
        [
            "## convert-h5 internal error",
            f"- convert-h5 {__version__}, Python {platform.python_version()}",
            f"- {platform.platform()}",
            f"- command: `{' '.join(sys.argv)}`",
            "",
            "```",
            "".join(traceback.format_exception(error)).rstrip(),
            "```",
            "",
        ]
    )
    with tempfile.NamedTemporaryFile(
        "w", prefix="convert-h5-error-", suffix=".md", delete=False, encoding="utf-8"
    ) as stream:
        stream.write(text)
    return Path(stream.name)
