"""The local runtime in a process of its own: a server must not share Python's lock with its client.

    python -m converter.bench.separate FOLDER TOOLCHAIN

The child says where it listens, or why not, in one line of JSON, and serves until its standard
input ends.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from converter import memory
from converter.errors import ConvertH5Error, ServingFailed
from converter.isolation import ROOT
from converter.serving.endpoint import Endpoint
from converter.serving.local import LocalServing
from converter.toolchain import catalog
from converter.toolchain.pool import Pool

ENDING_SECONDS = 20.0


@contextlib.contextmanager
def serving(folder: Path, toolchain: str) -> Iterator[Endpoint]:
    """Serve the SavedModel in `folder` as `model`, while entered. Raises ServingFailed."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder.absolute()), toolchain],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline() or b"{}")
            if "rest" not in said:
                log.seek(0)
                tail = log.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
                raise ServingFailed(
                    f"The server of {toolchain} did not start", why=said.get("error", tail)
                )
            yield Endpoint(said["rest"], said["grpc"], said["description"])
        finally:
            process.stdin.close()
            try:
                process.wait(ENDING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def main(folder: str, toolchain: str) -> None:
    """The child."""
    memory.keep_freed()
    try:
        with (
            Pool() as pool,
            LocalServing(pool, catalog.get(toolchain)).serve(Path(folder)) as endpoint,
        ):
            told = {
                "rest": endpoint.rest,
                "grpc": endpoint.grpc,
                "description": endpoint.description,
            }
            print(json.dumps(told), flush=True)
            with contextlib.suppress(KeyboardInterrupt):  # the parent's; it ends our input
                sys.stdin.read()
    except ConvertH5Error as error:
        print(json.dumps({"error": error.line()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
