"""What REST and gRPC share: finding who is asked, and counting what was answered."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Literal, Protocol

from converter.serving.server.inference import Call
from converter.serving.server.manager import Manager
from converter.serving.server.metrics import Metrics
from converter.serving.server.servable import Servable
from converter.serving.status import Code, StatusError
from converter.wire.apis_pb2 import ModelSpec


class _Asks(Protocol):
    """A request that names a model."""

    @property
    def model_spec(self) -> ModelSpec: ...

    def HasField(self, name: Literal["model_spec"]) -> bool: ...


class Core:
    """The models of a server and its metrics.

    check_methods: hold a signature's method name against what it is asked for.
    """

    def __init__(self, manager: Manager, metrics: Metrics, *, check_methods: bool) -> None:
        self.manager = manager
        self.metrics = metrics
        self._check_methods = check_methods

    def call(self, name: str, api: str, seconds: float | None) -> Call:
        """How to run a request to model `name` that has `seconds` left."""

        def ran(micros: int) -> None:
            self.metrics.runtime_latency.observe(micros, name, api, "TF1")

        return Call(seconds, self._check_methods, ran)

    @contextlib.contextmanager
    def leased(self, spec: ModelSpec) -> Iterator[tuple[int, Servable]]:
        """The version that `spec` means, and its servable. Raises StatusError."""
        if not spec.name:
            raise StatusError(Code.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        number = spec.version.value if spec.HasField("version") else None
        label = spec.version_label if spec.HasField("version_label") else None
        with self.manager.lease(spec.name, number, label) as found:
            yield found

    @contextlib.contextmanager
    def asked(self, request: _Asks, api: str) -> Iterator[tuple[int, Servable]]:
        """As `leased`, for a request over gRPC, which is counted. Raises StatusError."""
        spec = request.model_spec
        if not request.HasField("model_spec"):
            raise StatusError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
        with self.counted(spec.name, api, "GRPC"), self.leased(spec) as found:
            yield found

    @contextlib.contextmanager
    def counted(self, name: str, api: str, entrypoint: str) -> Iterator[None]:
        """Count what happens inside as one request to model `name`.

        api: "Predict", "Classify", ...; entrypoint: "REST" or "GRPC".
        """
        started = time.perf_counter_ns()
        status = Code.OK
        try:
            yield
            micros = (time.perf_counter_ns() - started) // 1000
            told = api.lower() if entrypoint == "REST" else api
            self.metrics.request_latency.observe(micros, name, told, entrypoint)
        except StatusError as error:
            status = error.code
            raise
        finally:
            self.metrics.request_count.add(name, status.name)
