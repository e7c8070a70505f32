"""TensorFlow Serving's command-line flags as data.

The flags of tensorflow_model_server 2.15.1 (model_servers/main.cc) with their names and defaults,
and our own beside them. Every row says what becomes of the flag here: it is acted on, accepted
without effect for a stated reason, or refused because ignoring it would change what is served or
how safely.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

Kind = Literal["int32", "int64", "float", "bool", "string"]
Value = int | float | bool | str

_CPUS = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Flag:
    """One flag. `ignored` and `refused` say why it has no effect, or why it may not be set."""

    name: str
    kind: Kind
    default: Value
    help: str
    ignored: str = ""
    refused: str = ""

    @property
    def acted_on(self) -> bool:
        """Whether the flag is an attribute of `Flags`."""
        return not self.ignored and not self.refused


_NO_TFLITE = "models run as SavedModels, never as TensorFlow Lite"
_NO_ACCELERATOR = "models run on the CPU"

TENSORFLOW_SERVING = (
    Flag("port", "int32", 8500, "TCP port for gRPC; 0 for none"),
    Flag("grpc_socket_path", "string", "", "path of a UNIX socket on which gRPC listens as well"),
    Flag("rest_api_port", "int32", 0, "port for REST, other than --port; 0 for none"),
    Flag("rest_api_num_threads", "int32", 4 * _CPUS, "threads that work on REST requests"),
    Flag("rest_api_timeout_in_ms", "int32", 30000, "how long a REST request may take"),
    Flag("rest_api_enable_cors_support", "bool", False, "send CORS headers with REST replies"),
    Flag("enable_batching", "bool", False, "put requests together into batches"),
    Flag(
        "allow_version_labels_for_unavailable_models",
        "bool",
        False,
        "let a label that is not in use name a version that is not available",
    ),
    Flag(
        "batching_parameters_file",
        "string",
        "",
        "text file of BatchingParameters; needs --enable_batching",
    ),
    Flag(
        "enable_per_model_batching_parameters",
        "bool",
        False,
        "batch a model by its own batching_params.pbtxt, or not at all",
    ),
    Flag(
        "model_config_file",
        "string",
        "",
        "text file of ModelServerConfig: the models, their policies and labels",
    ),
    Flag(
        "model_config_file_poll_wait_seconds",
        "int32",
        0,
        "seconds between two looks at --model_config_file; 0 reads it once",
    ),
    Flag("model_name", "string", "default", "name of the model, without --model_config_file"),
    Flag(
        "model_base_path",
        "string",
        "",
        "folder of the model's version folders, without --model_config_file",
    ),
    Flag(
        "num_load_threads",
        "int32",
        0,
        "threads that load versions",
        ignored="loading never holds up requests here",
    ),
    Flag(
        "num_unload_threads",
        "int32",
        0,
        "threads that unload versions",
        ignored="unloading never holds up requests here",
    ),
    Flag("max_num_load_retries", "int32", 5, "how often to try again when a load fails"),
    Flag(
        "load_retry_interval_micros",
        "int64",
        60_000_000,
        "wait before a load is tried again; negative for none",
    ),
    Flag(
        "file_system_poll_wait_seconds",
        "int32",
        1,
        "seconds between two looks for versions; 0 looks once, negative never",
    ),
    Flag(
        "flush_filesystem_caches",
        "bool",
        True,
        "drop what the system cached of a model's files once it is loaded",
        ignored="the system's caches are left to the system",
    ),
    Flag(
        "tensorflow_session_parallelism",
        "int64",
        0,
        "threads of either kind for a session; 0 lets TensorFlow choose",
    ),
    Flag(
        "tensorflow_session_config_file",
        "string",
        "",
        "text file of ConfigProto for sessions",
        refused="sessions are set up by the worker",
    ),
    Flag(
        "tensorflow_intra_op_parallelism",
        "int64",
        0,
        "threads within one operation; 0 lets TensorFlow choose",
    ),
    Flag(
        "tensorflow_inter_op_parallelism",
        "int64",
        0,
        "operations that run at once; 0 lets TensorFlow choose",
    ),
    Flag(
        "use_alts_credentials",
        "bool",
        False,
        "secure gRPC with Google ALTS",
        refused="ALTS exists on Google Cloud only, and serving in the clear instead is no choice",
    ),
    Flag("ssl_config_file", "string", "", "text file of SSLConfig: gRPC over TLS"),
    Flag(
        "platform_config_file",
        "string",
        "",
        "text file of PlatformConfigMap, in place of TensorFlow's platform",
        refused="only TensorFlow's own platform can be served",
    ),
    Flag(
        "per_process_gpu_memory_fraction",
        "float",
        0.0,
        "share of the GPU memory to take",
        ignored=_NO_ACCELERATOR,
    ),
    Flag("saved_model_tags", "string", "serve", "tags of the graph to load, separated by commas"),
    Flag(
        "grpc_channel_arguments",
        "string",
        "",
        "gRPC options as name=value, separated by commas",
    ),
    Flag("grpc_max_threads", "int32", 4 * _CPUS, "threads that work on gRPC requests"),
    Flag(
        "enable_model_warmup",
        "bool",
        True,
        "send a version its recorded requests before it is available",
    ),
    Flag(
        "num_request_iterations_for_warmup",
        "int32",
        0,
        "how often to send each of these requests, if more than 0",
    ),
    Flag("version", "bool", False, "print the versions and exit"),
    Flag(
        "monitoring_config_file",
        "string",
        "",
        "text file of MonitoringConfig: metrics for Prometheus",
    ),
    Flag(
        "remove_unused_fields_from_bundle_metagraph",
        "bool",
        True,
        "forget the parts of a graph that serving does not need",
        ignored="the worker keeps what its TensorFlow keeps",
    ),
    Flag(
        "prefer_tflite_model",
        "bool",
        False,
        "serve model.tflite where a version has one",
        ignored=_NO_TFLITE,
    ),
    Flag(
        "num_tflite_pools",
        "int32",
        _CPUS,
        "pools of TensorFlow Lite interpreters",
        ignored=_NO_TFLITE,
    ),
    Flag(
        "num_tflite_interpreters_per_pool",
        "int32",
        1,
        "interpreters in such a pool",
        ignored=_NO_TFLITE,
    ),
    Flag(
        "enable_signature_method_name_check",
        "bool",
        False,
        "let only signatures made for it classify and regress",
    ),
    Flag(
        "xla_cpu_compilation_enabled",
        "bool",
        False,
        "let models ask for XLA on the CPU",
        ignored="a model that asks for XLA gets it where its TensorFlow has it",
    ),
    Flag(
        "xla_gpu_compilation_enabled",
        "bool",
        False,
        "let models ask for XLA on the CPU and on the GPU",
        ignored="a model that asks for XLA gets it where its TensorFlow has it",
    ),
    Flag(
        "enable_profiler",
        "bool",
        True,
        "offer TensorFlow's profiler service on the gRPC port",
        ignored="there is no profiler service",
    ),
    Flag(
        "thread_pool_factory_config_file",
        "string",
        "",
        "text file of ThreadPoolConfig",
        ignored="the worker keeps to TensorFlow's thread pools",
    ),
    Flag(
        "mixed_precision",
        "string",
        "",
        "compute in bfloat16 or float16 where that is possible",
        refused="the answers would no longer be the model's own",
    ),
    Flag(
        "skip_initialize_tpu",
        "bool",
        False,
        "leave the TPU as it is",
        ignored=_NO_ACCELERATOR,
    ),
    Flag("enable_grpc_healthcheck_service", "bool", False, "offer gRPC's standard health service"),
)

OWN = (
    Flag("toolchain", "string", "auto", "toolchain whose TensorFlow runs the models"),
    Flag("python", "string", "", "a Python with TensorFlow that runs them instead"),
    # TensorFlow Serving listens on 0.0.0.0; here nothing is open to others unless asked for.
    Flag("host", "string", "127.0.0.1", "address on which REST and gRPC listen"),
)

FLAGS = {flag.name: flag for flag in (*TENSORFLOW_SERVING, *OWN)}
