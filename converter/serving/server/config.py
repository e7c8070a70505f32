"""The files that flags name: models, batching, monitoring and TLS, as plain dataclasses.

The files are protobuf messages in text form, as TensorFlow Serving reads them. Nothing after this
module touches those messages. What is refused, and in which words, is TensorFlow Serving's
(model_servers/server_core.cc and the recordings).

How a server takes in a list of models, the first time and at each reload, in this order:

    models = read_models(path) | of_proto(request.config) | single(name, base_path)
    history.accept(models)      raises: nothing has changed
    assign_labels(models, …)    raises: labels and models stay as they were
    check_platforms(models)     raises: the new labels hold, models stay as they were
    serve `models`, drop those that are not listed
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from converter.serving.server.files import read_message
from converter.serving.status import Code, StatusError
from converter.wire import config_pb2

log = logging.getLogger(__name__)

PLATFORM = "tensorflow"
METRICS_PATH = "/monitoring/prometheus/metrics"
MODEL_BATCHING_FILE = "batching_params.pbtxt"


@dataclass(frozen=True)
class Latest:
    """The `count` highest versions."""

    count: int = 1


@dataclass(frozen=True)
class All:
    """Every version."""


@dataclass(frozen=True)
class Specific:
    """These versions and no other."""

    versions: frozenset[int]


Policy = Latest | All | Specific


@dataclass(frozen=True)
class ModelConfig:
    """One model to serve. `labels` maps a label to its version.

    `base_path` is as it was written, absolute or a URI. `platform` is empty where the config
    names none that can be told; `platform_problem` then says why. See `check_platforms`.
    """

    name: str
    base_path: str
    policy: Policy = field(default_factory=Latest)
    labels: Mapping[str, int] = field(default_factory=dict)
    platform: str = PLATFORM
    platform_problem: str = ""


Models = tuple[ModelConfig, ...]


def single(name: str, base_path: str) -> Models:
    """The one model of --model_name and --model_base_path.

    Raises StatusError when the path is relative or empty.
    """
    return _checked((ModelConfig(name, base_path),))


def read_models(path: str) -> Models | None:
    """The models of a --model_config_file, or None for a file that says nothing.

    Raises StatusError: NOT_FOUND for a missing file, INVALID_ARGUMENT for an empty or malformed
    one, for a model listed twice and for a relative base path.
    """
    config = read_message(path, config_pb2.ModelServerConfig())
    if config.WhichOneof("config") is None:
        return None
    return of_proto(config)


def of_proto(config: config_pb2.ModelServerConfig) -> Models:
    """The models of a config message, which must hold a list of them.

    Raises StatusError (INVALID_ARGUMENT) when it holds none, lists a name twice or has a relative
    base path. Platforms are not judged here, see `check_platforms`.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise _invalid(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    return _checked(tuple(_model(model) for model in config.model_config_list.config))


class ConfigHistory:
    """The list of models a server took in last, which the next one is held against.

    TensorFlow Serving remembers a list as soon as it is well formed, before it looks at labels and
    platforms. So a list with a model that has no platform is refused, and with it every list that
    follows. Not thread-safe: reloads happen one at a time.
    """

    def __init__(self) -> None:
        self._accepted: Models | None = None

    def accept(self, models: Models | None) -> bool:
        """Take in `models` as the newest list; False when there is nothing to do.

        Raises StatusError, and forgets `models`, when the list before it names no platform for
        some model or a model would change its platform, or when a list would be replaced by None.
        """
        if self._accepted is not None and models is None:
            raise StatusError(
                Code.FAILED_PRECONDITION,
                "Cannot transition to requested config. It is only legal to transition from one "
                "ModelConfigList to another.",
            )
        if models is None:
            log.info("Taking no action for empty config.")
            return False
        before = {model.name: _platform(model) for model in self._accepted or ()}
        for model in models:
            if model.name in before and _platform(model) != before[model.name]:
                raise _invalid(
                    f"Illegal to change a model's platform. For model {model.name} platform was "
                    f"{before[model.name]} and new platform requested is {model.platform}"
                )
        self._accepted = models
        return True


def check_platforms(models: Iterable[ModelConfig]) -> None:
    """Raise StatusError (INVALID_ARGUMENT) unless every model's platform is "tensorflow"."""
    for model in models:
        platform = _platform(model)
        if platform != PLATFORM:
            raise _invalid(f"Model {model.name} requests unsupported platform {platform}")


Labels = Mapping[str, Mapping[str, int]]


def assign_labels(
    models: Iterable[ModelConfig],
    current: Labels,
    available: Callable[[str, int], bool],
    *,
    allow_unavailable: bool,
) -> Labels:
    """Versions by label by model name, to take the place of `current`.

    available: whether a version of a model is AVAILABLE now. allow_unavailable:
    --allow_version_labels_for_unavailable_models, which lets a label that is new, or stays where
    it is, name a version that is not available.

    Raises StatusError (FAILED_PRECONDITION) for a label of a version that is not available;
    `current` holds on then.
    """
    labels = {model.name: dict(model.labels) for model in models if model.labels}
    for name, versions in labels.items():
        for label, version in versions.items():
            moves = current.get(name, {}).get(label, version) != version
            if not available(name, version) and (moves or not allow_unavailable):
                raise StatusError(
                    Code.FAILED_PRECONDITION,
                    f"Request to assign label to version {version} of model {name}, "
                    "which is not currently available for inference",
                )
    return labels


@dataclass(frozen=True)
class Batching:
    """How requests are put together into batches; TensorFlow Serving's names and defaults.

    Times are microseconds. `max_execution_batch_size` counts only with
    `enable_large_batch_splitting`; 0 there means `max_batch_size`.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    num_batch_threads: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    max_enqueued_batches: int = 10
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0
    thread_pool_name: str = "batch_threads"

    @property
    def largest_batch(self) -> int:
        """The most rows that ever go to the model at once."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size:
            return self.max_execution_batch_size
        return self.max_batch_size

    def check(self) -> None:
        """Raise StatusError (INVALID_ARGUMENT) for numbers that make no sense.

        TensorFlow Serving finds out when it loads a model, so it is the load that fails.
        """
        sizes = self.allowed_batch_sizes
        if sizes and sizes[-1] != self.max_batch_size:
            raise _invalid(
                "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
                f"{sizes[-1]}; expected {self.max_batch_size}"
            )
        for name, least, rule in _BATCHING_LIMITS:
            value = getattr(self, name)
            if value < least:
                raise _invalid(f"{name} must be {rule}; was {value}")


_BATCHING_LIMITS = (
    ("num_batch_threads", 1, "positive"),
    ("max_batch_size", 1, "positive"),
    ("batch_timeout_micros", 0, "non-negative"),
    ("max_enqueued_batches", 0, "non-negative"),
    ("max_execution_batch_size", 0, "non-negative"),
)


def batching(enabled: bool, path: str) -> Batching | None:
    """What --enable_batching and --batching_parameters_file (a path or "") ask for together.

    None: requests are not batched. Raises StatusError when the file is named without batching
    being enabled, or cannot be read.
    """
    if enabled and path:
        return _batching(read_message(path, config_pb2.BatchingParameters()))
    if enabled:
        return Batching(thread_pool_name="model_server_batch_threads")
    if path:
        raise _invalid(
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true."
        )
    return None


def model_batching(folder: Path, common: Batching) -> Batching | None:
    """A version's own batching, for --enable_per_model_batching_parameters.

    `folder` is the version's; without a file of parameters in it the model is not batched (None).
    The threads are the common ones, for all models share them. Raises StatusError when the file
    cannot be read.
    """
    path = folder / MODEL_BATCHING_FILE
    if not path.exists():
        return None
    return _batching(read_message(str(path), config_pb2.BatchingParameters()), common)


def metrics_path(path: str) -> str | None:
    """The URL path that a --monitoring_config_file gives the metrics, or None for none.

    Raises StatusError when the file cannot be read.
    """
    config = read_message(path, config_pb2.MonitoringConfig()).prometheus_config
    return (config.path or METRICS_PATH) if config.enable else None


@dataclass(frozen=True)
class Tls:
    """Keys and certificates (PEM) for the gRPC port. `client_ca` is empty for the system's own."""

    key: bytes
    certificate: bytes
    client_ca: bytes
    verify_client: bool


def tls(path: str) -> Tls:
    """What an --ssl_config_file says. Raises StatusError when it cannot be read."""
    config = read_message(path, config_pb2.SSLConfig())
    return Tls(
        config.server_key.encode(),
        config.server_cert.encode(),
        config.custom_ca.encode(),
        config.client_verify,
    )


def _model(config: config_pb2.ModelConfig) -> ModelConfig:
    platform, problem = _requested_platform(config)
    return ModelConfig(
        config.name,
        config.base_path,
        _policy(config.model_version_policy),
        dict(config.version_labels),
        platform,
        problem,
    )


def _policy(
    policy: config_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy,
) -> Policy:
    match policy.WhichOneof("policy_choice"):
        case "all":
            return All()
        case "specific":
            return Specific(frozenset(policy.specific.versions))
        case _:
            return Latest(max(policy.latest.num_versions, 1))


def _requested_platform(config: config_pb2.ModelConfig) -> tuple[str, str]:
    """The platform a model asks for, and what is wrong with how it asks."""
    if config.model_type == config_pb2.MODEL_TYPE_UNSPECIFIED:
        if config.model_platform:
            return config.model_platform, ""
        return "", (
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            f"ModelServerConfig::model_platform, model name is {config.name}"
        )
    if config.model_platform:
        return "", (
            "Illegal setting both ModelServerConfig::model_type (deprecated) "
            "and ModelServerConfig::model_platform."
        )
    if config.model_type == config_pb2.TENSORFLOW:
        return PLATFORM, ""
    return "", f"ModelServerConfig::model_type choice {config.model_type} not supported."


def _platform(model: ModelConfig) -> str:
    if model.platform_problem:
        raise _invalid(model.platform_problem)
    return model.platform


def _checked(models: Models) -> Models:
    """`models`, if no name is listed twice and all base paths are absolute."""
    names: set[str] = set()
    for model in models:
        if model.name in names:
            raise _invalid(f"Illegal to list model {model.name} multiple times in config list")
        names.add(model.name)
    for model in models:
        if not re.match(r"/|[A-Za-z][0-9A-Za-z.]*://", model.base_path):
            raise _invalid(
                f"Expected model {model.name} to have an absolute path or URI; "
                f"got base_path()={model.base_path}"
            )
    return models


def _batching(
    parameters: config_pb2.BatchingParameters, threads: Batching | None = None
) -> Batching:
    """The parameters that are set, defaults for the others; `threads` from elsewhere if given."""
    given = {
        descriptor.name: value if descriptor.message_type is None else value.value
        for descriptor, value in parameters.ListFields()
    }
    if "allowed_batch_sizes" in given:
        given["allowed_batch_sizes"] = tuple(given["allowed_batch_sizes"])
    if threads is not None:
        given["num_batch_threads"] = threads.num_batch_threads
        given["thread_pool_name"] = threads.thread_pool_name
    return Batching(**given)


def _invalid(message: str) -> StatusError:
    return StatusError(Code.INVALID_ARGUMENT, message)
