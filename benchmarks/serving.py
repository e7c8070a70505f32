"""What serving costs over the bare run: gRPC and REST of `convert-h5 serve` against session.run.

    python benchmarks/serving.py [--rounds 20] [--runs 10] [--toolchain tf2.15]

Two processes of the same toolchain hold the same models: the server's worker, and a script that
runs the session and does nothing else. A third process echoes messages of the image's size: what
gRPC in Python takes by itself, with no parsing and no model. In every round each way is timed once,
`--runs` requests in a row, and the round's ratio (or difference) is that of the medians. Printed
are the medians over the rounds with the least and the largest.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np

from converter import memory
from converter.serving.client.grpc import GrpcClient
from converter.serving.client.rest import RestClient
from converter.toolchain import catalog, provision
from testing import servers

HERE = Path(__file__).parent


@contextmanager
def bare(folder: Path, toolchain: str) -> Iterator[Callable[[str, int], float]]:
    """A function for the median seconds of `runs` bare runs of a model."""
    python = provision.provide(catalog.get(toolchain), print)
    process = subprocess.Popen(
        [str(python), str(HERE / "serving_models.py"), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout
    if stdout.readline() != "ready\n":
        raise SystemExit("the bare script did not start")

    def timed(name: str, runs: int) -> float:
        print(name, runs, file=stdin, flush=True)
        return statistics.median(map(float, stdout.readline().split()))

    try:
        yield timed
    finally:
        stdin.close()
        process.wait()


@contextmanager
def echo(size: int) -> Iterator[Callable[[], object]]:
    """A function that sends a message of `size` bytes to benchmarks/echo.py."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "echo.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/Echo/Echo")
            message = bytes(size)
            yield lambda: call(message)
    finally:
        process.stdin.close()
        process.wait()


def served(ask: Callable[[], object], runs: int) -> float:
    """The median seconds of `runs` requests."""
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def told(values: list[float], unit: str = "") -> str:
    """Median, least and largest."""
    middle = statistics.median(values)
    return f"{middle:.2f}{unit} ({min(values):.2f} to {max(values):.2f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--toolchain", default="tf2.15")
    args = parser.parse_args()
    memory.keep_freed()  # as every convert-h5 command does
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with bare(folder, args.toolchain) as run:
            config = folder / "models.config"
            names = ("digits", "image")
            listed = "".join(
                f'config {{ name: "{n}" base_path: "{folder / n}" model_platform: "tensorflow" }} '
                for n in names
            )
            config.write_text(f"model_config_list {{ {listed} }}")
            flags = f"--model_config_file={config}"
            with servers.running(folder, flags, toolchain=args.toolchain) as serving:
                compare(serving, run, args.rounds, args.runs)
    return 0


def compare(
    serving: servers.Serving, run: Callable[[str, int], float], rounds: int, runs: int
) -> None:
    """Time every way in turn and print what came out."""
    url, address = f"http://127.0.0.1:{serving.rest}", f"127.0.0.1:{serving.grpc}"
    random = np.random.default_rng(0)
    batch = random.random((100, 28, 28, 1), dtype=np.float32)
    picture = random.random((1, 320, 320, 3), dtype=np.float32)
    with (
        GrpcClient(address, "digits") as grpc_digits,
        GrpcClient(address, "image") as grpc_image,
        RestClient(url, "digits", row=True) as rows,
        RestClient(url, "digits", row=False) as columns,
        echo(picture.nbytes) as echoed,
    ):
        ways: dict[str, Callable[[], float]] = {
            "bare digits": lambda: run("digits", runs),
            "grpc digits": lambda: served(lambda: grpc_digits.predict(batch), runs),
            "rest row digits": lambda: served(lambda: rows.predict(batch), runs),
            "rest columnar digits": lambda: served(lambda: columns.predict(batch), runs),
            "bare image": lambda: run("image", runs),
            "grpc image": lambda: served(lambda: grpc_image.predict(picture), runs),
            "grpc echo": lambda: served(echoed, runs),
        }
        for way in ways.values():
            way()
        took: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                took[name].append(way())
    for name, seconds in took.items():
        print(f"{name:22} {told([s * 1000 for s in seconds], ' ms')}")
    for name in ("grpc digits", "rest row digits", "rest columnar digits"):
        ratios = [a / b for a, b in zip(took[name], took["bare digits"], strict=True)]
        print(f"{name} / bare digits: {told(ratios)}")
    added = [(a - b) * 1000 for a, b in zip(took["grpc image"], took["bare image"], strict=True)]
    print(f"grpc image - bare image: {told(added, ' ms')}")
    beyond = [a - b * 1000 for a, b in zip(added, took["grpc echo"], strict=True)]
    print(f"grpc image - bare image - grpc echo: {told(beyond, ' ms')}")


if __name__ == "__main__":
    raise SystemExit(main())
