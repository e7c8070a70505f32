"""Where a served model can be asked, whatever serves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Endpoint:
    """A running server with the model AVAILABLE.

    rest: base of its URLs, such as `http://127.0.0.1:49153`. grpc: target of a channel, such as
    `127.0.0.1:49154`. description: the runtime in one line for reports. log_tail: the last lines
    of the server's log, read when called.
    """

    rest: str
    grpc: str
    description: str
    log_tail: Callable[[], str] = field(default=lambda: "", compare=False, repr=False)
