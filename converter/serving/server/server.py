"""The embedded server: flags and models in, REST and gRPC out.

The ports open when every model can be asked, as in TensorFlow Serving.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from converter.serving.server import batching, config, rpc, warmup
from converter.serving.server.config import Models
from converter.serving.server.core import Core
from converter.serving.server.flags import Flags
from converter.serving.server.http import HttpServer
from converter.serving.server.manager import Manager, Options
from converter.serving.server.metrics import Metrics
from converter.serving.server.replay import replay
from converter.serving.server.rest import Rest
from converter.serving.server.servable import Loader, Servable
from converter.serving.status import StatusError

log = logging.getLogger(__name__)

DRAIN_SECONDS = 30.0


@dataclass(frozen=True)
class Listen:
    """Where to listen. A port of 0 is any free one, None is none at all."""

    host: str = "127.0.0.1"
    grpc_port: int | None = 0
    rest_port: int | None = 0
    grpc_socket: str = ""

    @classmethod
    def of(cls, flags: Flags) -> Listen:
        """What the flags say; 0 is none there."""
        return cls(
            flags.host, flags.port or None, flags.rest_api_port or None, flags.grpc_socket_path
        )


class Server:
    """A server over a loader of models; a context manager that stops it.

    Building it reads every file that the flags name. Raises StatusError.
    """

    def __init__(self, loader: Loader, flags: Flags) -> None:
        self._flags = flags
        self._metrics = Metrics()
        self._batching = config.batching(flags.enable_batching, flags.batching_parameters_file)
        self._metrics_path = (
            config.metrics_path(flags.monitoring_config_file)
            if flags.monitoring_config_file
            else None
        )
        self._tls = config.tls(flags.ssl_config_file) if flags.ssl_config_file else None
        self.manager = Manager(_Counted(loader, self._metrics), _options(flags), self._prepare)
        self._stopping = threading.Event()
        self._grpc: grpc.Server | None = None
        self._http: HttpServer | None = None
        self.grpc_port: int | None = None
        self.rest_port: int | None = None

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, models: Models | None, listen: Listen) -> None:
        """Load `models`, wait until all can be asked, then listen.

        Raises StatusError when a model does not load, OSError when an address is taken.
        """
        self.manager.start(models)
        names = [model.name for model in models or ()]
        self.manager.wait_available(names, "servable", lambda: not self._stopping.is_set())
        if self._stopping.is_set():
            return
        self._listen(listen)
        if self._flags.model_config_file and self._flags.model_config_file_poll_wait_seconds > 0:
            threading.Thread(target=self._poll_config, name="config", daemon=True).start()

    def stop(self) -> None:
        """Take no more requests, answer those under way, and close."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        ended = self._grpc.stop(DRAIN_SECONDS) if self._grpc is not None else None
        if self._http is not None:
            self._http.stop(DRAIN_SECONDS)
        if ended is not None:
            ended.wait(DRAIN_SECONDS)
        self.manager.drain(DRAIN_SECONDS)
        self.manager.close()

    def _listen(self, listen: Listen) -> None:
        flags = self._flags
        core = Core(
            self.manager,
            self._metrics,
            check_methods=flags.enable_signature_method_name_check,
        )
        addresses = []
        if listen.grpc_port is not None:
            addresses.append(rpc.Address(f"{listen.host}:{listen.grpc_port}", self._tls))
        if listen.grpc_socket:
            addresses.append(rpc.Address(f"unix:{listen.grpc_socket}", None))
        self._grpc, ports = rpc.start(
            core,
            addresses,
            threads=flags.grpc_max_threads,
            with_health=flags.enable_grpc_healthcheck_service,
            options=list(flags.channel_options),
        )
        if listen.grpc_port is not None:
            self.grpc_port = ports[0]
            log.info("Running gRPC ModelServer at %s:%d ...", listen.host, self.grpc_port)
        if listen.grpc_socket:
            log.info("Running gRPC ModelServer at UNIX socket %s ...", listen.grpc_socket)
        rest_port = listen.rest_port
        if rest_port and rest_port == listen.grpc_port:
            log.error(
                "server_options.http_port cannot be same as grpc_port. Please use a different "
                "port for HTTP/REST API. Skipped exporting HTTP/REST API."
            )
            rest_port = None
        if rest_port is not None:
            rest = Rest(
                core,
                timeout=flags.rest_api_timeout_in_ms / 1000,
                metrics_path=self._metrics_path or "",
                cors=flags.rest_api_enable_cors_support,
            )
            self._http = HttpServer(rest, listen.host, rest_port, flags.rest_api_num_threads)
            self._http.start()
            self.rest_port = self._http.port
            log.info("Exporting HTTP/REST API at:%s:%d ...", listen.host, self.rest_port)

    def _prepare(self, servable: Servable, name: str, folder: Path) -> Servable:
        """Warm a servable up, and have its requests put together where that is asked for."""
        flags = self._flags
        common = self._batching
        if common is not None and flags.enable_per_model_batching_parameters:
            common = config.model_batching(folder, common)
        if common is not None:
            servable = batching.Batched(servable, common, self._metrics)
        if flags.enable_model_warmup:
            iterations = flags.num_request_iterations_for_warmup
            micros = warmup.warm_up(folder, lambda log: replay(servable, log), iterations)
            if micros is not None:
                self._metrics.model_warmup_latency.observe(micros, str(folder), "OK")
        return servable

    def _poll_config(self) -> None:
        """Take in the config file again and again; what is wrong with it is logged."""
        flags = self._flags
        while not self._stopping.wait(flags.model_config_file_poll_wait_seconds):
            try:
                models = config.read_models(flags.model_config_file)
            except StatusError as error:
                log.error("Failed to read ModelServerConfig file: %s", error.message)
                continue
            try:
                if models is not None:
                    self.manager.reload(models, lambda: not self._stopping.is_set())
            except StatusError as error:
                told = "PollFilesystemAndReloadConfig failed to ReloadConfig: %s"
                log.error(told, error.message)


class _Counted:
    """A loader whose attempts are counted."""

    def __init__(self, loader: Loader, metrics: Metrics) -> None:
        self._loader = loader
        self._metrics = metrics

    def load(self, folder: Path, tags: Sequence[str]) -> Servable:
        """See servable.Loader."""
        started = time.perf_counter_ns()
        status = "fail"
        try:
            servable = self._loader.load(folder, tags)
            status = "success"
            return servable
        finally:
            micros = (time.perf_counter_ns() - started) // 1000
            self._metrics.load_attempt_count.add(str(folder), status)
            self._metrics.load_latency.add(str(folder), by=micros)


def first_models(flags: Flags) -> Models | None:
    """The models the flags name; the config file wins. Raises StatusError."""
    if flags.model_config_file:
        return config.read_models(flags.model_config_file)
    return config.single(flags.model_name, flags.model_base_path)


def _options(flags: Flags) -> Options:
    return Options(
        tags=flags.tags,
        poll_seconds=flags.file_system_poll_wait_seconds,
        retries=flags.max_num_load_retries,
        retry_seconds=max(0, flags.load_retry_interval_micros) / 1e6,
        labels_for_unavailable=flags.allow_version_labels_for_unavailable_models,
    )
