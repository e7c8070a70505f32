"""Config files say what they say in TensorFlow Serving: shared/golden/configs and narrated.md."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from converter.serving.server import config
from converter.serving.server.config import (
    All,
    Batching,
    Latest,
    ModelConfig,
    Models,
    Policy,
    Specific,
)
from converter.serving.status import StatusError
from testing import golden

recorded = pytest.mark.skipif(not golden.FOLDER.is_dir(), reason="the recordings are not there")


def _file(folder: Path, text: str) -> str:
    path = folder / "file.config"
    path.write_text(text, encoding="utf-8")
    return str(path)


def _models(folder: Path, *models: str) -> Models:
    listed = "\n".join(f"config {{ {model} }}" for model in models)
    found = config.read_models(_file(folder, f"model_config_list {{ {listed} }}"))
    assert found is not None
    return found


def _refused(folder: Path, text: str) -> str:
    """What is said of a model config file, the folder left out."""
    with pytest.raises(StatusError) as caught:
        config.read_models(_file(folder, text))
    return str(caught.value).replace(str(folder), "DIR")


# ---- models


def test_a_file_without_anything_set_says_nothing(tmp_path: Path) -> None:
    assert config.read_models(_file(tmp_path, "# later\n")) is None


def test_an_empty_list_has_no_models(tmp_path: Path) -> None:
    assert _models(tmp_path) == ()


def test_a_model_has_name_path_policy_and_labels(tmp_path: Path) -> None:
    (found,) = _models(
        tmp_path,
        'name: "m" base_path: "/models/m" model_platform: "tensorflow" '
        "model_version_policy { specific { versions: 2 versions: 1 } } "
        'version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: 2 }',
    )
    labels = {"stable": 1, "canary": 2}
    assert found == ModelConfig("m", "/models/m", Specific(frozenset({1, 2})), labels)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", Latest(1)),
        ("model_version_policy { }", Latest(1)),
        ("model_version_policy { latest { } }", Latest(1)),
        ("model_version_policy { latest { num_versions: 0 } }", Latest(1)),
        ("model_version_policy { latest { num_versions: 3 } }", Latest(3)),
        ("model_version_policy { all { } }", All()),
        ("model_version_policy { specific { } }", Specific(frozenset())),
    ],
)
def test_the_policy_is_the_latest_version_unless_said(
    tmp_path: Path, text: str, policy: Policy
) -> None:
    (found,) = _models(tmp_path, f'base_path: "/m" {text}')
    assert found.policy == policy


def test_what_a_config_says_of_logging_is_read_over(tmp_path: Path) -> None:
    (found,) = _models(
        tmp_path, 'base_path: "/m" logging_config { sampling_config { sampling_rate: 0.5 } }'
    )
    assert found.base_path == "/m"


@recorded
@pytest.mark.parametrize(("name", "count"), [("main", 27), ("batching", 6)])
def test_the_recorded_configs_are_read(name: str, count: int, tmp_path: Path) -> None:
    found = config.read_models(str(golden.config(f"{name}.models.config", tmp_path)))
    assert found is not None
    config.check_platforms(found)
    assert len(found) == count


def test_a_single_model_is_served_by_its_latest_version() -> None:
    assert config.single("m", "/models/m") == (ModelConfig("m", "/models/m", Latest(1)),)


def test_a_model_may_not_be_listed_twice(tmp_path: Path) -> None:
    model = 'config { name: "m" base_path: "/a" }'
    assert _refused(tmp_path, f"model_config_list {{ {model} {model} }}") == (
        "INVALID_ARGUMENT: Illegal to list model m multiple times in config list"
    )


@pytest.mark.parametrize("path", ["models/scale", "", "./m", "C:\\m", "1x://m", "://m"])
def test_a_base_path_must_be_absolute(path: str) -> None:
    with pytest.raises(StatusError) as caught:
        config.single("m", path)
    assert str(caught.value) == (
        "INVALID_ARGUMENT: Expected model m to have an absolute path or URI; "
        f"got base_path()={path}"
    )


@pytest.mark.parametrize("path", ["/", "/m", "file:///m", "gs://bucket/m", "s3.x://m"])
def test_a_base_path_may_be_a_uri(path: str) -> None:
    assert config.single("m", path)[0].base_path == path


# ---- batching


def test_requests_are_not_batched_by_default() -> None:
    assert config.batching(False, "") is None


def test_batching_has_tensorflow_servings_defaults() -> None:
    found = config.batching(True, "")
    assert found is not None
    assert (found.max_batch_size, found.batch_timeout_micros) == (1000, 0)
    assert (found.max_enqueued_batches, found.allowed_batch_sizes) == (10, ())
    assert found.num_batch_threads == len(os.sched_getaffinity(0))
    assert not found.pad_variable_length_inputs
    assert found.largest_batch == 1000
    found.check()


@recorded
def test_the_recorded_batching_file_is_read(tmp_path: Path) -> None:
    found = config.batching(True, str(golden.config("batching.config", tmp_path)))
    assert found == Batching(
        max_batch_size=4,
        batch_timeout_micros=0,
        num_batch_threads=1,
        max_enqueued_batches=4,
        allowed_batch_sizes=(2, 4),
    )


def test_what_a_batching_file_leaves_out_keeps_its_default(tmp_path: Path) -> None:
    text = (
        'batch_timeout_micros { value: 5 } thread_pool_name { value: "t" } '
        "pad_variable_length_inputs: true enable_large_batch_splitting { value: true } "
        "max_execution_batch_size { value: 16 }"
    )
    found = config.batching(True, _file(tmp_path, text))
    assert found == Batching(
        batch_timeout_micros=5,
        thread_pool_name="t",
        pad_variable_length_inputs=True,
        enable_large_batch_splitting=True,
        max_execution_batch_size=16,
    )
    assert found.largest_batch == 16


def test_a_batching_file_needs_batching_to_be_enabled() -> None:
    with pytest.raises(StatusError) as caught:
        config.batching(False, "/b.config")
    assert str(caught.value) == (
        "INVALID_ARGUMENT: server_options.batching_parameters_file is set without setting "
        "server_options.enable_batching to true."
    )


def test_a_malformed_batching_file_is_told(tmp_path: Path) -> None:
    path = _file(tmp_path, "max_batch_size: 4")
    with pytest.raises(StatusError) as caught:
        config.batching(True, path)
    assert str(caught.value) == f"INVALID_ARGUMENT: Invalid protobuf file: '{path}'"


def test_the_last_allowed_size_must_be_the_largest_batch(tmp_path: Path) -> None:
    found = config.batching(
        True, _file(tmp_path, "allowed_batch_sizes: 4 max_batch_size {value:8}")
    )
    assert found is not None
    with pytest.raises(StatusError) as caught:
        found.check()
    assert str(caught.value) == (
        "INVALID_ARGUMENT: Last entry in allowed_batch_sizes must match max_batch_size; "
        "last entry was 4; expected 8"
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (Batching(max_batch_size=0), "max_batch_size must be positive; was 0"),
        (Batching(num_batch_threads=0), "num_batch_threads must be positive; was 0"),
        (Batching(batch_timeout_micros=-1), "batch_timeout_micros must be non-negative; was -1"),
        (Batching(max_enqueued_batches=-1), "max_enqueued_batches must be non-negative; was -1"),
    ],
)
def test_numbers_that_make_no_sense_are_told(parameters: Batching, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        parameters.check()
    assert caught.value.message == message


def test_a_model_may_bring_its_own_batching_and_shares_the_threads(tmp_path: Path) -> None:
    text = "max_batch_size { value: 128 } num_batch_threads { value: 9 }"
    (tmp_path / "batching_params.pbtxt").write_text(text, encoding="utf-8")
    common = Batching(num_batch_threads=3, max_batch_size=7, thread_pool_name="common")
    assert config.model_batching(tmp_path, common) == Batching(
        max_batch_size=128, num_batch_threads=3, thread_pool_name="common"
    )


def test_a_model_without_batching_of_its_own_is_not_batched(tmp_path: Path) -> None:
    assert config.model_batching(tmp_path, Batching()) is None


# ---- monitoring and TLS


@recorded
def test_the_recorded_monitoring_file_is_read(tmp_path: Path) -> None:
    path = golden.config("monitoring.config", tmp_path)
    assert config.metrics_path(str(path)) == "/monitoring/prometheus/metrics"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: true path: "/x" }', "/x"),
        ('prometheus_config { path: "/x" }', None),
        ("# nothing", None),
    ],
)
def test_metrics_are_shown_where_the_file_says_if_it_says_so(
    tmp_path: Path, text: str, path: str | None
) -> None:
    assert config.metrics_path(_file(tmp_path, text)) == path


def test_a_malformed_monitoring_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StatusError, match="Invalid protobuf file"):
        config.metrics_path(_file(tmp_path, "enable: true"))


def test_keys_and_certificates_are_read(tmp_path: Path) -> None:
    text = 'server_key: "k" server_cert: "c\\n" custom_ca: "a" client_verify: true'
    assert config.tls(_file(tmp_path, text)) == config.Tls(b"k", b"c\n", b"a", True)
