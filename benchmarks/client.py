"""What our clients add to a call: encode and decode, beside the least that could be done.

    python benchmarks/client.py [--rounds 300]

Two demands: for an image of 320 x 320 x 3 float32 and an answer of 100 detections, encode and
decode over gRPC take at most twice as long as to copy the image's bytes once; the JSON of REST is
written at least five times as fast as by `json.dumps(x.tolist())`. Each round does all of them, so
that the ratios are of times measured side by side; printed are the medians over the rounds. Beside
them is the least that protobuf and numpy leave to do: the same bytes joined to a head that is
ready, and the answer parsed into arrays, with nothing checked.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from converter import memory
from converter.bench.measure import collected
from converter.serving.client.grpc import GrpcClient
from converter.serving.client.rest import RestClient
from converter.wire import apis_pb2 as apis
from testing import delayed

PIXELS = (320, 320, 3)
MOST_COPIES, LEAST_TIMES = 2.0, 5.0
HEAD = bytes(60)
JSON_EVERY = 10  # rounds; it takes a thousand times as long as the rest


def timed(work: Callable[[], object]) -> int:
    """Nanoseconds."""
    began = time.perf_counter_ns()
    work()
    return time.perf_counter_ns() - began


def least_encoded(image: NDArray[np.float32]) -> bytes:
    """A request whose head is ready."""
    return b"".join((HEAD, image.reshape(-1).view(np.uint8).data))


def least_decoded(answer: bytes) -> dict[str, NDArray[np.float32]]:
    """The arrays of an answer that is taken to be what it should be."""
    outputs = apis.PredictResponse.FromString(answer).outputs
    return {
        name: np.array(outputs[name].float_val, np.float32).reshape(
            [dim.size for dim in outputs[name].tensor_shape.dim]
        )
        for name in ("boxes", "scores", "classes")
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=300)
    rounds = parser.parse_args().rounds
    memory.keep_freed()  # as every convert-h5 command does
    random = np.random.default_rng(0)
    image = random.random((1, *PIXELS), dtype=np.float32)
    answer = delayed.reply(
        {
            "boxes": random.random((1, 100, 4), dtype=np.float32),
            "scores": random.random((1, 100), dtype=np.float32),
            "classes": random.random((1, 100), dtype=np.float32),
        }
    )
    with (
        delayed.serving() as fake,
        GrpcClient(fake.grpc, delayed.MODEL) as grpc,
        RestClient(fake.rest, delayed.MODEL) as rest,
    ):
        grpc.metadata()
        rest.metadata()
        works: dict[str, Callable[[], object]] = {
            "copy": image.tobytes,
            "encode": lambda: grpc.encode(image),
            "decode": lambda: grpc.decode(answer),
            "least encode": lambda: least_encoded(image),
            "least decode": lambda: least_decoded(answer),
            "our JSON": lambda: rest.encode(image),
            "json.dumps": lambda: json.dumps(image.tolist()),
        }
        took: dict[str, list[int]] = {name: [] for name in works}
        with collected():
            for number in range(rounds):
                for name, work in works.items():
                    if "json" not in name.lower() or number % JSON_EVERY == 0:
                        took[name].append(timed(work))
    for name, times in took.items():
        print(f"{name:12} {statistics.median(times) / 1000:10.1f} us")
    copies, least = (
        statistics.median(
            (a + b) / c for a, b, c in zip(took[one], took[other], took["copy"], strict=True)
        )
        for one, other in (("encode", "decode"), ("least encode", "least decode"))
    )
    faster = statistics.median(
        a / b for a, b in zip(took["json.dumps"], took["our JSON"], strict=True)
    )
    print(
        f"encode + decode over gRPC: {copies:.2f} copies (at most {MOST_COPIES:g});"
        f" the least that could be done: {least:.2f}"
    )
    print(f"our JSON: {faster:.1f} times as fast as json.dumps (at least {LEAST_TIMES:g})")
    return 0 if copies <= MOST_COPIES and faster >= LEAST_TIMES else 1


if __name__ == "__main__":
    raise SystemExit(main())
