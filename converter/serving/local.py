"""The local runtime: the embedded server over a worker of a toolchain."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from converter.errors import ServingFailed
from converter.serving.endpoint import Endpoint
from converter.serving.server import flags as command_lines
from converter.serving.server.config import single
from converter.serving.server.server import Listen, Server
from converter.serving.status import StatusError
from converter.serving.workers import Workers
from converter.toolchain.catalog import Toolchain
from converter.toolchain.pool import Pool


class LocalServing:
    """Serves version folders, one at a time, in this process; the models run in a worker."""

    def __init__(self, pool: Pool, toolchain: Toolchain) -> None:
        self._pool = pool
        self._toolchain = toolchain

    @property
    def description(self) -> str:
        """The runtime in one line for reports."""
        return f"local:{self._toolchain.serving or self._toolchain.tensorflow}"

    @contextlib.contextmanager
    def serve(
        self, folder: Path, name: str = "model", version: int = 1, flags: Sequence[str] = ()
    ) -> Iterator[Endpoint]:
        """Serve the SavedModel in `folder` as `version` of the model `name`, while entered.

        flags: more of TensorFlow Serving's own. Ports are any free ones of the loopback address.
        Raises ServingFailed with what a server says of the model, a ToolchainError.
        """
        workers = Workers(lambda: self._pool.link(self._toolchain))
        once = ("--file_system_poll_wait_seconds=0", "--max_num_load_retries=0")
        line = command_lines.parse([*once, *flags])
        with tempfile.TemporaryDirectory(prefix="convert-h5-serve-") as base:
            # The folder need not have a number for a name, and may have siblings that do.
            (Path(base) / str(version)).symlink_to(folder.absolute(), target_is_directory=True)
            try:
                with workers, Server(workers, line.flags) as server:
                    server.start(single(name, base), Listen())
                    yield Endpoint(
                        f"http://127.0.0.1:{server.rest_port}",
                        f"127.0.0.1:{server.grpc_port}",
                        self.description,
                        workers.log_tail,
                    )
            except StatusError as error:
                raise ServingFailed(
                    f"{self.description} cannot serve the SavedModel", why=error.message
                ) from error
