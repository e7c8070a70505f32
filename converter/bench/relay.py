"""How many bytes a call puts on the wire, counted by a relay between client and server.

Everything above TCP is counted: headers, framing, what opens and closes the connection where each
call has its own. The relay costs time, so it is never in the way of a call that is timed.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

CHUNK = 1 << 18
# The last frames of a call may come after its answer: acknowledgements, the end of a connection.
SETTLING_SECONDS = 0.05


@dataclass
class Relay:
    """A port of this machine that leads to a server. sent, received: bytes, as the client sees."""

    port: int = 0
    sent: int = 0
    received: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def counts(self) -> tuple[int, int]:
        """The bytes sent and received so far, when nothing has come for a moment."""
        before = (-1, -1)
        while before != (self.sent, self.received):
            before = (self.sent, self.received)
            time.sleep(SETTLING_SECONDS)
        return before

    def _pump(self, source: socket.socket, sink: socket.socket, *, outward: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                with self.lock:
                    if outward:
                        self.sent += len(data)
                    else:
                        self.received += len(data)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def to(host: str, port: int) -> Iterator[Relay]:
    """A relay to a server, while entered. Raises OSError where no port can be had."""
    relay = Relay()
    open_ends: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        relay.port = listening.getsockname()[1]

        def accept() -> None:
            with contextlib.suppress(OSError):  # the end of the listening
                while True:
                    near, _ = listening.accept()
                    far = socket.create_connection((host, port))
                    open_ends.extend((near, far))
                    for source, sink, outward in ((near, far, True), (far, near, False)):
                        threading.Thread(
                            target=relay._pump,
                            args=(source, sink),
                            kwargs={"outward": outward},
                            daemon=True,
                        ).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield relay
        finally:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            accepting.join(1)
            for each in open_ends:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
