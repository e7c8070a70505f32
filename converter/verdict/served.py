"""Ask a running server over REST in rows, REST in columns and gRPC, and compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from converter.serving.client.contract import Client
from converter.serving.client.errors import NotCarried
from converter.serving.endpoint import Endpoint
from converter.toolchain.session import Array
from converter.verdict import proof
from converter.verdict.compare import Verdict
from converter.verdict.proof import NotAsked, Proof
from converter.verdict.reference import Answers, Reference
from converter.verdict.rule import Rule
from converter.verdict.samples import Batch


class ClientResponder:
    """A signature of a served model, asked by a client."""

    def __init__(self, client: Client, signature: str) -> None:
        self._client = client
        self._signature = signature
        self.protocol = client.protocol

    def ask(self, inputs: Batch) -> dict[str, Array]:
        """One request. Raises NotAsked where the protocol cannot carry it, ServingFailed."""
        try:
            return self._client.predict(inputs, self._signature)
        except NotCarried as error:
            raise NotAsked(error.why) from error


@contextmanager
def clients(endpoint: Endpoint, name: str, timeout: float) -> Iterator[list[Client]]:
    """A client for every way to ask; gRPC is the last."""
    # HTTP and gRPC take long to import, and a run that proves nothing does without them.
    from converter.serving.client.grpc import GrpcClient
    from converter.serving.client.rest import RestClient

    opened: list[Client] = [
        RestClient(endpoint.rest, name, row=True, timeout=timeout),
        RestClient(endpoint.rest, name, row=False, timeout=timeout),
        GrpcClient(endpoint.grpc, name, timeout=timeout),
    ]
    try:
        yield opened
    finally:
        for client in opened:
            client.close()


def prove(
    asking: Sequence[Client],
    signature: str,
    reference: Reference,
    rule: Rule,
    *,
    thorough: bool = True,
) -> list[Proof]:
    """What every client says of one signature, and whether they agree. Raises ServingFailed."""
    proofs = [
        proof.prove(ClientResponder(c, signature), reference, rule, thorough=thorough)
        for c in asking
    ]
    agreed = proof.agree(proofs, rule)
    return [
        dataclasses.replace(
            one,
            verdicts=tuple(
                dataclasses.replace(verdict, signature=signature)
                for verdict in (*one.verdicts, *(v for v in agreed if v.protocol == one.protocol))
            ),
        )
        for one in proofs
    ]


def prove_random(
    asking: Sequence[Client], signature: str, sample: Batch, asked: Sequence[Answers], rule: Rule
) -> list[Verdict]:
    """What every client says of a model that is random by design. Raises ServingFailed."""
    verdicts: list[Verdict] = []
    for client in asking:
        try:
            verdicts += proof.prove_random(ClientResponder(client, signature), sample, asked, rule)
        except NotAsked:
            continue  # said by `prove` already
    return verdicts
