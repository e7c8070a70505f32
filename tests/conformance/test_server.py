"""The embedded server answers what a real TensorFlow Serving answered, request by request."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from testing import golden, servers
from testing.golden import Answer, Record

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]

# Answers that differ on purpose, and why; docs/serving.md tells of each.
DELIBERATE = {
    "rest.body.deep_254_inputs": "numpy has at most 64 dimensions",
    "grpc.predict.shape.rank254": "numpy has at most 64 dimensions",
    "rest.wire.lf_only": "lines that end in LF alone are the shortest way to smuggle requests",
}

_SCALE = golden.MODELS / "scale"
_FAILS = golden.MODELS / "fails"
_RELOAD = ("--model_name=scale", f"--model_base_path={_SCALE}", "--max_num_load_retries=0")

Flags = Callable[[Path], list[str]]

# The flags of every configuration, as the README of the recordings gives them.
CONFIGS: dict[str, Flags] = {
    "main": lambda folder: [
        f"--model_config_file={golden.config('main.models.config', folder)}",
        f"--monitoring_config_file={golden.config('monitoring.config', folder)}",
        "--allow_version_labels_for_unavailable_models=true",
        "--max_num_load_retries=0",
    ],
    "methodcheck": lambda folder: [
        f"--model_config_file={golden.config('main.models.config', folder)}",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_signature_method_name_check=true",
    ],
    "single": lambda _: [
        "--model_name=default",
        f"--model_base_path={_SCALE}",
        "--enable_grpc_healthcheck_service=true",
    ],
    "cors": lambda _: [
        "--model_name=scale",
        f"--model_base_path={_SCALE}",
        "--rest_api_enable_cors_support=true",
    ],
    "timeout": lambda _: [
        "--model_name=fails",
        f"--model_base_path={_FAILS}",
        "--rest_api_timeout_in_ms=500",
    ],
    "batching": lambda folder: [
        f"--model_config_file={golden.config('batching.models.config', folder)}",
        "--enable_batching=true",
        f"--batching_parameters_file={golden.config('batching.config', folder)}",
    ],
    "reload": lambda _: list(_RELOAD),
    "reload_no_platform": lambda _: list(_RELOAD),
    "reload_bad_platform": lambda _: list(_RELOAD),
    "reload_missing_version": lambda _: list(_RELOAD),
}


def test_every_configuration_of_the_recordings_is_replayed() -> None:
    assert {record.config for record in golden.records()} == set(CONFIGS)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_recorded_request_gets_the_recorded_answer(name: str, tmp_path: Path) -> None:
    records = [record for record in golden.records() if record.config == name]
    story = name.startswith("reload")
    different = {}
    with (
        servers.running(tmp_path, *CONFIGS[name](tmp_path)) as serving,
        grpc.insecure_channel(f"127.0.0.1:{serving.grpc}") as channel,
    ):
        for record in records:
            wanted = golden.expected(record)
            got = golden.send(record, serving.rest, channel)
            reload = record.request.get("method", "").endswith("HandleReloadConfigRequest")
            if story and not reload and not golden.same(wanted, got):
                got = _settled(record, wanted, serving.rest, channel)
            if not golden.same(wanted, got):
                different[record.id] = f"\n  wanted {wanted}\n  got    {got}"
    deliberate = {r.id for r in records if r.id in DELIBERATE}
    assert set(different) == deliberate, "".join(
        f"\n{id_}{told}" for id_, told in different.items() if id_ not in deliberate
    )


def _settled(
    record: Record, wanted: list[Answer], rest: int, channel: grpc.Channel
) -> list[Answer]:
    """The answer once versions have come and gone: reloads reply before old ones are unloaded."""
    end = time.monotonic() + 10
    got = golden.send(record, rest, channel)
    while not golden.same(wanted, got) and time.monotonic() < end:
        time.sleep(0.05)
        got = golden.send(record, rest, channel)
    return got
