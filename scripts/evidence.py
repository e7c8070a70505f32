"""Ship the results of a run of the matrix: write converter/evidence.json.

convert-h5 matrix fixtures -o matrix
python scripts/evidence.py matrix/matrix.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from converter import evidence


def text(summary: dict[str, Any]) -> str:
    """The summary as JSON, a way in a line, so that a change can be read."""
    head = {name: value for name, value in summary.items() if name != "ways"}
    ways = ",\n".join(json.dumps(way, separators=(",", ":")) for way in summary["ways"])
    return f'{json.dumps(head, indent=1)[:-2]},\n "ways": [\n{ways}\n]}}\n'


def main(results: str) -> int:
    evidence.PATH.write_text(text(evidence.summary(json.loads(Path(results).read_text()))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
