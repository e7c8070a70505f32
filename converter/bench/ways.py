"""The ways to call a served model that are held against each other, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from converter.errors import UsageError

REST, GRPC, NONE = "REST", "gRPC", "none"


@dataclass(frozen=True)
class Way:
    """A protocol and an encoding.

    connection: `fresh` or `none` where the way leaves no choice. client: arguments of the client
    of converter.serving that calls so. naive: whether the tutorials' client calls instead. texts:
    only for models that take strings; numbers look the same otherwise.
    """

    id: str
    protocol: str
    about: str
    connection: str = ""
    client: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)
    naive: bool = False
    texts: bool = False

    @property
    def competes(self) -> bool:
        """Whether it is one of those of which the best is wanted."""
        return self.protocol in (REST, GRPC) and not self.naive


BARE = Way("bare", NONE, "session.run in a process of its own: the floor", connection=NONE)

WAYS: dict[str, Way] = {
    way.id: way
    for way in (
        Way("rest-row", REST, "JSON, instances", client={"row": True, "plain_text": True}),
        Way("rest-columnar", REST, "JSON, inputs", client={"row": False, "plain_text": True}),
        Way(
            "rest-b64", REST, "JSON, instances, strings as base64", client={"row": True}, texts=True
        ),
        Way("grpc-typed", GRPC, "typed fields (float_val)", client={"typed": True}),
        Way("grpc-content", GRPC, "tensor_content", client={"typed": False}),
        Way(
            "naive-rest",
            REST,
            'the tutorials\' way: requests.post(json={"instances": x.tolist()})',
            connection="fresh",
            naive=True,
        ),
        Way(
            "naive-grpc",
            GRPC,
            "the tutorials' way: make_tensor_proto(x.tolist()), float_val read through Python",
            connection="fresh",
            naive=True,
        ),
        BARE,
    )
}


def chosen(ids: Sequence[str]) -> list[Way]:
    """The ways of these ids, in the table's order; all without ids. Raises UsageError."""
    for wanted in ids:
        if wanted not in WAYS:
            raise UsageError(f"There is no way '{wanted}'", fix=f"Choose of: {', '.join(WAYS)}")
    return [way for way in WAYS.values() if not ids or way.id in ids]
