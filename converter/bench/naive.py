"""The tutorials' way of calling, timed by a worker that has TensorFlow loaded.

The orchestrator never imports TensorFlow, and `make_tensor_proto` is TensorFlow's; what it costs a
program to have TensorFlow loaded while lists of numbers are made is a part of the way. So it is
neither imitated nor estimated: a worker of a toolchain makes the very calls and times them (see
converter/worker/naive.py). Its garbage collector stays on, as in the program of a tutorial's
reader; ours is off while we time (measure.py), which changes nothing for ways that make few
objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from converter.bench.asking import Served, Turn
from converter.bench.cases import Case
from converter.bench.ways import REST
from converter.errors import UsageError
from converter.toolchain.session import Session
from converter.verdict.samples import Batch


class NaiveAsking:
    """Calls made by a worker. outputs: the signature's, in order. session: the caller's to end."""

    def __init__(
        self,
        session: Session,
        served: Served,
        case: Case,
        *,
        signature: str,
        outputs: Sequence[str],
        timeout: float,
    ) -> None:
        if served.label is not None:
            raise UsageError(
                "The tutorials' way does not ask for labels", fix="Name a version, or other --ways"
            )
        self._session = session
        self._fields: dict[str, Any] = {
            "protocol": case.way.protocol.lower(),
            "address": _address(served, case),
            "model": [served.model, served.version],
            "signature": signature,
            "outputs": list(outputs),
            "concurrency": case.concurrency,
            "seconds": timeout,
        }

    def turn(self, inputs: Batch, calls: int) -> Turn:
        """See Asking. Raises WorkerRaised."""
        reply = self._session.request("naive_call", inputs.items(), calls=calls, **self._fields)
        done = Turn(wall=int(reply.result["wall"]))
        done.times = [(int(a), int(b), int(c)) for a, b, c in reply.result["times"]]
        done.answers = [{} for _ in done.times]
        for name, array in reply.tensors.items():
            number, _, key = name.partition(":")
            done.answers[int(number)][key] = array
        return done

    def close(self) -> None:
        """Nothing is kept between calls."""


def _address(served: Served, case: Case) -> str:
    if case.way.protocol != REST:
        assert served.grpc is not None
        return served.grpc
    version = "" if served.version is None else f"/versions/{served.version}"
    return f"{served.rest}/v1/models/{served.model}{version}"
