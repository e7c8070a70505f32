"""From a source and options to a plan that explains itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from converter import plan as plans
from converter.errors import NoToolchain, UnknownToolchain, UsageError
from converter.options import Options
from converter.source.model import SourceModel
from converter.toolchain import catalog
from testing.models import entry, functional, layer, sequential, source


def _targets(of: SourceModel, options: Options | None = None) -> list[str]:
    return [str(t) for t in plans.make(of, options or Options()).targets]


def _servers(of: SourceModel, options: Options | None = None) -> list[str]:
    """Where the plan's first choice would be proven."""
    plan = plans.make(of, options or Options())
    return [t.id for t in plan.servers(plan.targets[0])]


def _bilinear() -> SourceModel:
    resize = layer(
        "UpSampling2D", "up", batch_input_shape=[None, 4, 4, 1], interpolation="bilinear"
    )
    return source("keras", "2.2.4", config=sequential(resize))


def _theano() -> SourceModel:
    return source("keras", None, backend="theano", backend_implied=True, dialect="keras1")


def test_the_writers_own_keras_converts_and_gives_the_reference() -> None:
    plan = plans.make(source("keras", "2.2.4"), Options())
    assert str(plan.targets[0]) == "keras in tf1.14-keras2.2"
    assert plan.references == plan.targets


def test_the_reasons_name_the_writer_and_the_chosen_keras() -> None:
    plan = plans.make(source("keras", "2.2.4"), Options())
    assert plan.reasons[0] == "written by keras 2.2.4 on tensorflow"
    assert plan.reasons[1].startswith("keras in tf1.14-keras2.2: native Keras 2.2 files")
    assert all(t.reason for t in plan.targets)


def test_a_backend_that_only_the_weight_names_tell_is_said_to_be_so() -> None:
    reasons = plans.make(_theano(), Options()).reasons
    assert "its weight names tell theano, the file does not" in reasons


def test_a_chosen_toolchain_converts_while_the_writers_own_gives_the_reference() -> None:
    plan = plans.make(source("keras", "2.3.1"), Options(toolchain="tf2.15"))
    assert [str(t) for t in plan.targets] == ["tf.keras in tf2.15"]
    assert str(plan.references[0]) == "keras in tf1.15-keras2.3"
    assert "tf.keras in tf2.15: you chose it" in plan.reasons


def test_in_a_chosen_toolchain_every_keras_that_may_load_the_file_is_tried_in_order() -> None:
    assert _targets(source("keras", "2.3.1"), Options(toolchain="tf1.15-keras2.3")) == [
        "keras in tf1.15-keras2.3",
        "tf.keras in tf1.15-keras2.3",
    ]


def test_an_unknown_toolchain_is_refused() -> None:
    with pytest.raises(UnknownToolchain, match=r"tf9\.9"):
        plans.make(source(), Options(toolchain="tf9.9"))


def test_a_named_strategy_is_tried_only_in_toolchains_that_have_it() -> None:
    assert _targets(source("keras", "2.3.1"), Options(strategy="export")) == ["tf.keras in tf2.15"]


def test_a_named_strategy_that_none_has_is_left_to_the_writers_own_keras_to_refuse() -> None:
    assert _targets(source("keras", "1.2.2", dialect="keras1"), Options(strategy="contrib")) == [
        "keras in tf1.4-keras1.2"
    ]


def test_a_named_strategy_is_the_only_one_tried() -> None:
    plan = plans.make(source("keras", "2.3.1"), Options(strategy="simple_save"))
    assert plan.attempts(plan.targets[0], None) == (plans.Attempt("simple_save", "graph", False),)


@pytest.mark.parametrize("strategy", ["direct2", "", "AUTO"])
def test_an_unknown_strategy_is_a_usage_error_that_lists_the_known_ones(strategy: str) -> None:
    with pytest.raises(UsageError, match="builder") as caught:
        plans.make(source(), Options(strategy=strategy))
    assert "save_model" in caught.value.fix


def test_toolchains_that_would_answer_wrongly_are_struck_out_with_the_reason() -> None:
    plan = plans.make(_bilinear(), Options())
    assert [t.flavour for t in plan.targets] == ["keras", "keras"]
    assert any(r.startswith("not tf.keras in tf2.15: bilinear UpSampling2D") for r in plan.reasons)


@pytest.mark.parametrize(
    ("of", "toolchain", "reason"),
    [
        (_bilinear(), "tf2.15", "bilinear UpSampling2D"),
        (_theano(), "tf1.12-keras2.1", "flipped kernels"),
    ],
    ids=["bilinear", "theano"],
)
def test_choosing_only_toolchains_that_would_answer_wrongly_fails_with_the_reason(
    of: SourceModel, toolchain: str, reason: str
) -> None:
    with pytest.raises(NoToolchain) as caught:
        plans.make(of, Options(toolchain=toolchain))
    assert reason in caught.value.why


def test_choosing_a_toolchain_without_a_fitting_keras_fails_with_the_reason() -> None:
    written = source("tf_keras", "2.21.0")
    with pytest.raises(NoToolchain) as caught:
        plans.make(written, Options(toolchain="tf1.4-keras1.2"))
    assert "tf1.4-keras1.2" in caught.value.why


@pytest.mark.parametrize(
    ("of", "flips"),
    [
        (_theano(), True),
        (source("keras", "1.2.2", backend="tensorflow", dialect="keras1"), False),
        (source("keras", "2.1.6", backend="theano"), False),
    ],
    ids=["keras 1 on theano", "keras 1 on tensorflow", "keras 2 on theano"],
)
def test_kernels_are_flipped_for_keras_1_on_theano_only(of: SourceModel, flips: bool) -> None:
    assert plans.make(of, Options()).flip_kernels is flips


@pytest.mark.parametrize("class_name", ["CuDNNGRU", "CuDNNLSTM"])
def test_layers_that_need_a_gpu_are_always_translated_and_told_of(class_name: str) -> None:
    gpu = sequential(layer(class_name, "rnn", batch_input_shape=[None, 4, 2], units=3))
    plan = plans.make(source("keras", "2.2.4", config=gpu), Options())
    assert plan.translate_always
    assert any("CuDNN" in reason for reason in plan.reasons)


def test_layers_that_any_machine_runs_are_not_translated_on_purpose() -> None:
    plan = plans.make(source(), Options())
    assert not plan.translate_always
    assert not any("CuDNN" in reason for reason in plan.reasons)


def test_layers_that_are_random_by_design_are_named() -> None:
    node = functional(
        [entry("x", 3), layer("Dropout", "monte", ["x"], flags={"training": True}, rate=0.5)],
        ["x"],
        ["monte"],
    )
    plan = plans.make(source("tf.keras", "2.15.0", config=node), Options())
    assert any(r.startswith("monte: called with training=True") for r in plan.reasons)


@pytest.mark.parametrize(
    ("flavour", "version", "serving"),
    [
        ("keras", "2.2.4", "tf1.14-keras2.2"),
        ("keras", "2.3.1", "tf2.2"),
        ("tf.keras", "2.3.0-tf", "tf2.2"),
        ("tf.keras", "2.4.0", "tf2.15"),
        ("tf.keras", "2.15.0", "tf2.15"),
        ("keras3", "3.15.1", "tf2.21"),
    ],
)
def test_the_server_that_proves_fits_the_tensorflow_that_converts(
    flavour: str, version: str, serving: str
) -> None:
    assert _servers(source(flavour, version))[0] == serving


def test_where_the_fitting_server_cannot_be_had_others_as_new_are_next_each_once() -> None:
    servers = _servers(source("keras", "2.3.1"))
    assert servers[:2] == ["tf2.2", "tf1.15-keras2.3"]
    assert len(set(servers)) == len(servers)
    assert all(catalog.get(id_).tensorflow_series >= (1, 15) for id_ in servers)


def test_each_target_is_proven_in_servers_that_fit_it() -> None:
    plan = plans.make(source("keras", "2.3.1"), Options())
    firsts = [(str(t), plan.servers(t)[0].id) for t in plan.targets]
    assert firsts[0] == ("keras in tf1.15-keras2.3", "tf2.2")
    assert firsts[-1] == ("tf_keras in tf2.21", "tf2.21")


@pytest.mark.parametrize("serving", ["local:2.15", "local:2.15.1"])
def test_a_server_of_a_wanted_version_is_the_only_one(serving: str) -> None:
    assert _servers(source("keras", "2.2.4"), Options(serving=serving)) == ["tf2.15"]


def test_local_is_the_automatic_choice() -> None:
    assert _servers(source(), Options(serving="local")) == _servers(source())


@pytest.mark.parametrize("options", [Options(verify=False), Options(serving="none")])
def test_without_verification_nothing_serves(options: Options) -> None:
    assert _servers(source(), options) == []


@pytest.mark.parametrize("serving", ["podman", "remote:2.2", "none:2.2", ""])
def test_an_unknown_runtime_is_a_usage_error(serving: str) -> None:
    with pytest.raises(UsageError, match="serving runtime"):
        plans.make(source(), Options(serving=serving))


@pytest.mark.parametrize("version", ["9.9", "latest", "2.x"])
def test_a_server_version_that_nothing_stands_for_is_refused_with_the_known_ones(
    version: str,
) -> None:
    with pytest.raises(UnknownToolchain, match=r"2\.15"):
        plans.make(source(), Options(serving=f"local:{version}"))


def _attempts(flavour: str, version: str, serving: str, **options: Any) -> list[str]:
    plan = plans.make(source(flavour, version), Options(**options))
    return [str(a) for a in plan.attempts(plan.targets[0], catalog.get(serving).tensorflow_series)]


def test_direct_is_tried_first_and_then_the_others_in_the_catalogs_order() -> None:
    tried = _attempts("tf.keras", "2.3.0-tf", "tf2.2")
    assert tried == ["direct", "save_model", "builder", "simple_save"]


@pytest.mark.parametrize(
    "options",
    [
        {"toolchain": "tf2.2"},
        {"custom_objects": Path("own.py")},
        {"allow_lambda": ("sha256:0",)},
        {"strategy": "builder"},
    ],
    ids=["a toolchain is chosen", "own code", "a Lambda", "a strategy is chosen"],
)
def test_direct_is_left_out_where_it_could_not_be_meant(options: dict[str, Any]) -> None:
    assert "direct" not in _attempts("tf.keras", "2.3.0-tf", "tf2.2", **options)


def test_direct_alone_waits_with_the_worker_that_the_reference_needs() -> None:
    for version, mode in (("2.3.0-tf", "eager"), ("2.2.4-tf", "graph")):
        plan = plans.make(source("tf.keras", version), Options(strategy="direct"))
        (attempt,) = plan.attempts(plan.targets[0], None)
        assert (attempt.strategy, attempt.mode, attempt.freeze) == ("direct", mode, False)


def test_frozen_attempts_come_first_for_an_older_server_than_a_new_converter() -> None:
    first, *tried = _attempts("tf.keras", "2.15.0", "tf2.3")
    assert first == "direct"  # which every server reads
    half = len(tried) // 2
    assert tried[0] == "save_model, frozen"
    assert tried[:half] == [f"{name}, frozen" for name in tried[half:]]


@pytest.mark.parametrize(
    ("flavour", "version", "serving"),
    [
        ("tf.keras", "2.15.0", "tf2.15"),
        ("tf.keras", "2.15.0", "tf2.21"),
        ("keras", "2.3.1", "tf1.14-keras2.2"),
    ],
    ids=["same server", "newer server", "old converter"],
)
def test_nothing_is_frozen_unasked_otherwise(flavour: str, version: str, serving: str) -> None:
    assert not any("frozen" in text for text in _attempts(flavour, version, serving))


def test_freezing_on_request_freezes_every_attempt_once() -> None:
    tried = _attempts("tf.keras", "2.15.0", "tf2.3", freeze=True)
    assert tried == [
        f"{name}, frozen" for name in ("direct", "save_model", "export", "builder", "simple_save")
    ]


@pytest.mark.parametrize("strategy", ["builder", "save_model"])
def test_each_attempt_knows_the_mode_of_worker_it_needs(strategy: str) -> None:
    plan = plans.make(source("tf.keras", "2.15.0"), Options(strategy=strategy))
    mode = plan.attempts(plan.targets[0], None)[0].mode
    assert mode == {"builder": "graph", "save_model": "eager"}[strategy]
