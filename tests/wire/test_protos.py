"""The generated modules are those of the .proto files, and can live beside TensorFlow's own."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format, text_format
from google.protobuf.message import Message

from converter.wire import apis_pb2, config_pb2, tensorflow_pb2
from testing import toolchains

ROOT = Path(__file__).parents[2]
MODULES = ["apis", "config", "graph", "health", "tensorflow"]


def test_the_generated_files_are_current(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "scripts/protos.py", "--into", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 and not toolchains.under_ci():
        pytest.skip(f"the compiler cannot be had: {done.stderr}")
    assert done.returncode == 0, done.stderr
    generated = done.stdout.split()
    assert len(generated) == 2 * len(MODULES)
    for path in generated:
        assert (tmp_path / path).read_text() == (ROOT / path).read_text(), path


@pytest.mark.parametrize("name", MODULES)
def test_the_package_is_private(name: str) -> None:
    module = importlib.import_module(f"converter.wire.{name}_pb2")
    assert module.DESCRIPTOR.package == "convert_h5.wire"
    assert module.DESCRIPTOR.name.startswith("converter/wire/")


def test_importing_the_messages_gives_no_warning() -> None:
    code = "import " + ", ".join(f"converter.wire.{name}_pb2" for name in MODULES)
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=ROOT)


def test_unknown_fields_survive() -> None:
    # Field 2 of the reply is the run metadata, which our message does not have.
    raw = (
        b"\x12\x03abc"
        + apis_pb2.SessionRunResponse(
            tensor=[tensorflow_pb2.NamedTensorProto(name="y")]
        ).SerializeToString()
    )
    again = apis_pb2.SessionRunResponse.FromString(raw)
    assert again.tensor[0].name == "y"
    assert sorted(again.SerializeToString()) == sorted(raw)


def test_a_model_status_is_written_as_json_as_tensorflow_serving_does() -> None:
    reply = apis_pb2.GetModelStatusResponse()
    status = reply.model_version_status.add(version=3, state=apis_pb2.ModelVersionStatus.AVAILABLE)
    status.status.SetInParent()
    assert json_format.MessageToDict(reply, always_print_fields_with_no_presence=True) == {
        "model_version_status": [
            {
                "version": "3",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow" '
            "model_version_policy { specific { versions: 1 versions: 2 } } "
            'version_labels { key: "stable" value: 1 } } }',
            config_pb2.ModelServerConfig(),
        ),
        ('config { name: "m" model_type: TENSORFLOW }', config_pb2.ModelConfigList()),
        (
            "max_batch_size { value: 4 } batch_timeout_micros { value: 0 } "
            'thread_pool_name { value: "pool" } allowed_batch_sizes: 2 allowed_batch_sizes: 4 '
            "enable_large_batch_splitting { value: true }",
            config_pb2.BatchingParameters(),
        ),
        ('prometheus_config { enable: true path: "/metrics" }', config_pb2.MonitoringConfig()),
        (
            'server_key: "k" server_cert: "c" custom_ca: "" client_verify: false',
            config_pb2.SSLConfig(),
        ),
    ],
    ids=["models", "model list", "batching", "monitoring", "ssl"],
)
def test_the_files_of_tensorflow_serving_are_read(text: str, message: Message) -> None:
    text_format.Parse(text, message)
    assert message.ListFields()
