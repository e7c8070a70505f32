"""Keep a server busy: many clients at once, or versions that come and go under load.

    PYTHONPATH=. python benchmarks/soak.py clients [--clients 200] [--seconds 60]
    PYTHONPATH=. python benchmarks/soak.py versions [--clients 8] [--seconds 600]

Half of the clients ask over gRPC, half over REST. `versions` adds a version, waits until it is
AVAILABLE, removes the one before, and so on. Every answer is held against what the model computes.
Printed are the requests, the failures (none is right), and the memory of the server and its worker
after each tenth of the time. The exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from converter.errors import ServingFailed
from converter.serving.client.contract import Client
from converter.serving.client.grpc import GrpcClient
from converter.serving.client.rest import RestClient
from testing import golden, servers

TENTHS = 10


@dataclass
class Load:
    """Clients that ask without pause, and what became of their requests."""

    serving: servers.Serving
    clients: int
    answered: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ask while entered."""
        threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(self.clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()

    def _ask(self, number: int) -> None:
        random = np.random.default_rng(number)
        with ExitStack() as stack:
            client = stack.enter_context(self._client(number))
            while not self.stop.is_set():
                given = random.random(4, dtype=np.float32)
                try:
                    answer = client.predict(given)["y"]
                except ServingFailed as error:
                    self.failed[f"{client.protocol}: {error.line()}"] += 1
                    continue
                # Both versions of the model halve their input; one adds 2, the other 3.
                right = any(np.allclose(answer, given / 2 + added) for added in (2, 3))
                if right:
                    self.answered[client.protocol] += 1
                else:
                    self.failed[f"{client.protocol}: a wrong answer"] += 1

    def _client(self, number: int) -> Client:
        if number % 2:
            return GrpcClient(f"127.0.0.1:{self.serving.grpc}", "m")
        return RestClient(f"http://127.0.0.1:{self.serving.rest}", "m", row=number % 4 == 0)


def memory(pid: int) -> list[int]:
    """MiB held by the process and by each of its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [_held(process) // 1024 for process in (pid, *map(int, children))]


def _held(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def churn(base: Path, client: Client, stop: threading.Event) -> int:
    """Add versions and remove those before until `stop`; how many there were."""
    number = 1
    while not stop.is_set():
        number += 1
        staged = base.parent / "staged"
        shutil.copytree(golden.MODELS / "scale" / str(number % 2 + 1), staged)
        staged.rename(base / str(number))
        while not stop.is_set() and not any(
            one.version == number and one.state == "AVAILABLE" for one in client.status()
        ):
            time.sleep(0.02)
        shutil.rmtree(base / str(number - 1))
    return number


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("kind", choices=("clients", "versions"))
    parser.add_argument("--clients", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--toolchain", default="tf2.15")
    args = parser.parse_args()
    versions = args.kind == "versions"
    clients = args.clients or (8 if versions else 200)
    seconds = args.seconds or (600 if versions else 60)
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary, "m")
        shutil.copytree(golden.MODELS / "scale" / "1", base / "1")
        flags = ("--model_name=m", f"--model_base_path={base}")
        with servers.running(Path(temporary), *flags, toolchain=args.toolchain) as serving:
            load = Load(serving, clients)
            with ExitStack() as stack:
                stack.enter_context(load.running())
                if versions:
                    watcher = GrpcClient(f"127.0.0.1:{serving.grpc}", "m")
                    changing = threading.Thread(target=churn, args=(base, watcher, load.stop))
                    changing.start()
                for tenth in range(1, TENTHS + 1):
                    time.sleep(seconds / TENTHS)
                    print(f"{tenth * seconds / TENTHS:.0f} s: {memory(serving.process.pid)} MiB")
            if versions:
                changing.join()
                print(f"versions: {max(one.version for one in watcher.status())}")
                watcher.close()
    print(f"answered: {dict(load.answered)}")
    print(f"failed: {dict(load.failed) or 'none'}")
    return 1 if load.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
