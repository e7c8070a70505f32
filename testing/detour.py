"""A way to an engine that can be cut: a unix socket that leads to another one."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Detour:
    """Listens on `path` and passes everything to the socket at `target`, until `cut`."""

    path: Path
    target: Path
    _ends: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> Detour:
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(self.path))
        door.listen()
        self._ends.append(door)
        threading.Thread(target=self._accept, args=(door,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    @property
    def url(self) -> str:
        """As for $DOCKER_HOST."""
        return f"unix://{self.path}"

    def cut(self) -> None:
        """End all connections, and let no new one through, as an engine does that is gone."""
        self.path.unlink(missing_ok=True)
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def _accept(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = door.accept()
                far = socket.socket(socket.AF_UNIX)
                self._ends += [near, far]
                far.connect(str(self.target))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
