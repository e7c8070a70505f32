"""What the strategy direct costs: converting, a large file, and the served graph.

    python benchmarks/direct.py [--runs 5] [--rounds 9]

1. Whole processes in turn: `convert-h5 --strategy direct --no-verify` of the digit CNN in its full
   size, and the hand-written SavedModelBuilder script in TensorFlow 1.15.
2. In turn: the same command on VGG16 (528 MB), and `cp` with an fsync of the same bytes. The peak
   memory is that of the largest process.
3. In one process of TensorFlow 2.15 and one of 1.15, in turn: the graph of `direct` and that of
   `builder` for the digit CNN, a ResNet50 and two layers of LSTM.

Printed are medians of the ratios pair by pair, with the least and the largest.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from converter.toolchain import catalog, provision

HERE = Path(__file__).parent
CONVERT = [sys.executable, "-m", "converter.cli.main"]
# Model, the shape it is asked with.
GRAPHS = {"digits": "100,28,28,1", "resnet50": "4,224,224,3", "lstm": "16,100,64"}
TIMED_IN = ("tf2.15", "tf1.15-keras2.3")
BY_HAND = "tf1.15-keras2.3"


def wall(command: Sequence[str]) -> float:
    """Seconds that `command` takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def python_of(toolchain: str) -> str:
    """The Python of a toolchain."""
    return str(provision.provide(catalog.get(toolchain), print))


def told(name: str, ratios: Sequence[float]) -> None:
    """Print the median of ratios."""
    middle = statistics.median(ratios)
    print(f"{name}: {middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


def direct(model: Path, target: Path) -> list[str]:
    """The command that converts by direct and proves nothing."""
    return [*CONVERT, str(model), str(target), "--strategy", "direct", "--no-verify"]


def conversion(digits: Path, folder: Path, runs: int) -> None:
    """Part 1."""
    script = [python_of(BY_HAND), "-W", "ignore", str(HERE / "by_hand.py"), str(digits)]
    pairs = []
    for turn in range(runs + 1):
        theirs = wall([*script, str(folder / f"by-hand-{turn}")])
        pairs.append((wall(direct(digits, folder / "digits")), theirs))
    ours = statistics.median(a for a, _ in pairs[1:])
    print(f"direct converts the digits in {ours:.2f} s; by hand takes times as long as", end=" ")
    told("direct", [b / a for a, b in pairs[1:]])


def copying(model: Path, folder: Path, runs: int) -> None:
    """Part 2. Before either, the same file is copied and removed: in a virtual machine, memory that
    was not used for a while costs more than the disk does.
    """
    copied = folder / "copied.h5"
    copy = ["sh", "-c", f"cp {model} {copied} && sync {copied}"]
    ratios = []
    for turn in range(runs + 1):
        target = folder / f"large-{turn}"
        seconds = []
        for command in (direct(model, target), copy):
            wall(copy)
            copied.unlink()
            seconds.append(wall(command))
        shutil.rmtree(target)
        copied.unlink()
        ratios.append(seconds[0] / seconds[1])
        print(f"  direct {seconds[0]:.2f} s, cp and fsync {seconds[1]:.2f} s", flush=True)
    told(f"{model.name}, direct / cp and fsync", ratios[1:])


def peak(model: Path, folder: Path) -> None:
    """Part 2, memory: of the largest of all processes that a new one starts and waits for."""
    if os.fork() == 0:
        subprocess.run(direct(model, folder / "peak"), check=True, capture_output=True)
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(f"{model.name}, peak memory: {most / 1024:.0f} MB", flush=True)
        os._exit(0)
    os.wait()


def graphs(models: dict[str, Path], folder: Path, rounds: int) -> None:
    """Part 3."""
    for name, model in models.items():
        saved = {}
        for strategy in ("direct", "builder"):
            target = folder / f"{name}-{strategy}"
            wall([*CONVERT, str(model), str(target), "--strategy", strategy, "--no-verify"])
            saved[strategy] = str(target / "1")
        for toolchain in TIMED_IN:
            script = [python_of(toolchain), str(HERE / "direct_models.py"), "time", str(rounds)]
            done = subprocess.run(
                [*script, GRAPHS[name], *saved.values()],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:  # builder's graph may be too new for an older TensorFlow
                print(f"{name} in {toolchain}: {done.stderr.strip().splitlines()[-1][:200]}")
                continue
            pairs = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
            told(f"{name} in {toolchain}, graph of direct / of builder", [a / b for a, b in pairs])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=["conversion", "copying", "graphs"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.home()) as temporary:
        folder = Path(temporary)
        make = [sys.executable, str(HERE.parent / "fixtures" / "make.py"), "--full", str(folder)]
        subprocess.run([*make, "--writer", "tf.keras-2.2.4-tf"], check=True, capture_output=True)
        digits = folder / "digits-tf.keras-2.2.4-tf.h5"
        write = [python_of("tf2.15"), str(HERE / "direct_models.py"), "write", str(folder)]
        subprocess.run(write, check=True, capture_output=True)
        if args.only in (None, "conversion"):
            conversion(digits, folder, args.runs)
        if args.only in (None, "copying"):
            copying(folder / "vgg16.h5", folder, args.runs)
            peak(folder / "vgg16.h5", folder)
        if args.only in (None, "graphs"):
            found = {n: folder / f"{n}.h5" for n in ("resnet50", "lstm")}
            graphs({"digits": digits, **found}, folder, args.rounds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
