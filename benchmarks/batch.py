"""How much faster `convert-h5 batch` is than one `convert-h5` for each file.

    python benchmarks/batch.py MODEL.h5... [--alone 20]

Converts all files by one `batch`, then some, evenly spread over them, by a process each, one after
the other in as many lanes as there are cores, with every toolchain installed and used once before.
Prints the models per minute of both and their ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CONVERT_H5 = (sys.executable, "-m", "converter.cli.main")


def together(models: list[Path], root: Path) -> tuple[float, int]:
    """(seconds, published) of all in one run."""
    began = time.perf_counter()
    done = subprocess.run(
        [*CONVERT_H5, "batch", *map(str, models), "--into", str(root), "--json"],
        stdout=subprocess.PIPE,
        check=False,
    )
    return time.perf_counter() - began, int(json.loads(done.stdout)["published"])


def alone(models: list[Path], root: Path) -> float:
    """Seconds for a process each, in as many lanes as there are cores."""

    def convert(model: Path) -> None:
        target = str(root / str(models.index(model)))
        command = [*CONVERT_H5, str(model), target]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    began = time.perf_counter()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as lanes:
        list(lanes.map(convert, models))
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--alone", type=int, default=20, help="how many by a process each")
    args = parser.parse_args()
    sample = args.models[:: max(1, len(args.models) // args.alone)][: args.alone]
    with tempfile.TemporaryDirectory() as folder:
        seconds, published = together(args.models, Path(folder, "together"))
        other = alone(sample, Path(folder, "alone"))
    ours, theirs = 60 * len(args.models) / seconds, 60 * len(sample) / other
    print(f"batch: {len(args.models)} models ({published} published) in {seconds:.0f} s")
    print(f"a process each: {len(sample)} of them in {other:.0f} s")
    print(f"{ours:.0f} and {theirs:.0f} models a minute, ratio {ours / theirs:.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
