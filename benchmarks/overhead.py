"""What convert-h5 costs over a hand-written script that does the same in the same toolchain.

    python benchmarks/overhead.py [--runs 5] [MODEL.h5]

Runs the two in turn, A B A B ..., as whole processes, after one run of each that is not counted,
and prints the median wall time of either and the median of the ratios pair by pair. Also the wall
time of `convert-h5 --help`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from converter.toolchain import catalog, provision

HERE = Path(__file__).parent
FIXTURE = HERE.parent / "fixtures" / "digits-tf.keras-2.2.4-tf.h5"
TOOLCHAIN = "tf1.15-keras2.3"


def wall(command: Sequence[str]) -> float:
    """Seconds that `command` takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def compare(ours: Callable[[], float], theirs: Callable[[], float], runs: int) -> str:
    """Median times and the median ratio of `runs` pairs."""
    ours()
    theirs()
    pairs = [(ours(), theirs()) for _ in range(runs)]
    ratios = sorted(a / b for a, b in pairs)
    return (
        f"convert-h5 {statistics.median(a for a, _ in pairs):.2f} s, "
        f"by hand {statistics.median(b for _, b in pairs):.2f} s, "
        f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", type=Path, default=FIXTURE)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    python = str(provision.provide(catalog.get(TOOLCHAIN), print))
    convert_h5 = [sys.executable, "-m", "converter.cli.main"]
    with tempfile.TemporaryDirectory() as folder:
        count = iter(range(10_000))

        def ours() -> float:
            target = str(Path(folder, "ours"))
            options = ("--strategy", "builder", "--toolchain", TOOLCHAIN, "--no-verify")
            return wall([*convert_h5, str(args.model), target, *options])

        def theirs() -> float:
            target = str(Path(folder, f"theirs-{next(count)}"))
            return wall([python, "-W", "ignore", str(HERE / "by_hand.py"), str(args.model), target])

        print(compare(ours, theirs, args.runs))
    helps = [wall([*convert_h5, "--help"]) for _ in range(args.runs + 1)][1:]
    print(f"convert-h5 --help: {statistics.median(helps):.2f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
