"""How long the whole matrix takes, and to provide every toolchain from nothing.

    python benchmarks/matrix.py MODEL.h5...
    python benchmarks/matrix.py --provision

The first measures all files in every toolchain, by every strategy, at the releases that `convert-h5
matrix` takes by default, and prints the cells per minute; toolchains are installed before. The
second installs the whole catalog into a new cache, with nothing of uv's own cache.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

CONVERT_H5 = (sys.executable, "-m", "converter.cli.main")


def provision() -> None:
    """Install every toolchain into a cache of its own, and print how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        caches = {"CONVERT_H5_CACHE": folder, "UV_CACHE_DIR": str(Path(folder, "uv"))}
        began = time.perf_counter()
        subprocess.run(
            [*CONVERT_H5, "toolchain", "install", "--all"],
            env={**os.environ, **caches},
            stderr=subprocess.DEVNULL,
            check=True,
        )
        print(f"the whole catalog in {time.perf_counter() - began:.0f} s")


def measure(models: list[Path]) -> None:
    """Run the matrix, and print how long it took and what came of it."""
    subprocess.run([*CONVERT_H5, "toolchain", "install", "--all"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = subprocess.run(
            [*CONVERT_H5, "matrix", *map(str, models), "-o", folder, "--json"],
            stdout=subprocess.PIPE,
            check=True,
        )
        seconds = time.perf_counter() - began
    cells = json.loads(done.stdout)["cells"]
    kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(c["kind"] for c in cells).most_common())
    print(
        f"{len(cells)} cells in {seconds:.0f} s, {60 * len(cells) / seconds:.0f} a minute: {kinds}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--provision", action="store_true")
    args = parser.parse_args()
    if args.provision:
        provision()
    if args.models:
        measure(args.models)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
