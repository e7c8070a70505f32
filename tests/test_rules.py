"""Every row of the rule tables, by example, and that what they name exists."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from converter import rules
from converter.source.model import SourceModel
from converter.toolchain import catalog
from converter.worker import strategies
from testing.models import layer, sequential, source

# A rule's id; writers it is for, as (flavour, version); the Keras it prefers for them.
WRITERS = [
    ("keras-1", "keras", ("1.0.0", "1.2.2", None), ("tf1.4-keras1.2", "keras")),
    ("keras-2.0-2.1", "keras", ("2.0.0", "2.1.6"), ("tf1.12-keras2.1", "keras")),
    ("keras-2.2", "keras", ("2.2.0", "2.2.5"), ("tf1.14-keras2.2", "keras")),
    ("keras-2.3", "keras", ("2.3.0", "2.3.1"), ("tf1.15-keras2.3", "keras")),
    ("tf.keras-1.12", "tf.keras", ("2.1.5-tf", "2.1.6-tf"), ("tf1.12-keras2.1", "tf.keras")),
    ("tf.keras-1.13-2.0", "tf.keras", ("2.2.4-tf",), ("tf1.15-keras2.3", "tf.keras")),
    ("tf.keras-2.1-2.2", "tf.keras", ("2.3.0-tf",), ("tf2.2", "tf.keras")),
    ("tf.keras-2.3-2.4", "tf.keras", ("2.4.0",), ("tf2.3", "tf.keras")),
    ("tf.keras-2.5-2.15", "tf.keras", ("2.5.0", "2.15.0"), ("tf2.15", "tf.keras")),
    ("tf_keras", "tf_keras", ("2.16.0", "2.21.0"), ("tf2.21", "tf_keras")),
    ("keras-3", "keras3", ("3.0.0", "3.15.1"), ("tf2.21", "keras3")),
    ("unknown", None, (None, "7"), ("tf2.15", "tf.keras")),
]


@pytest.mark.parametrize(
    ("rule_id", "flavour", "version", "first"),
    [(id_, flavour, v, first) for id_, flavour, versions, first in WRITERS for v in versions],
)
def test_a_writer_is_met_by_exactly_one_row_which_prefers_its_own_keras(
    rule_id: str, flavour: str | None, version: str | None, first: tuple[str, str]
) -> None:
    written = source(flavour, version)
    matching = [rule for rule in rules.WRITER_RULES if rule.matches(written)]
    assert [rule.id for rule in matching] == [rule_id]
    assert matching[0].targets[0] == first


def test_every_writer_rule_has_a_case_here() -> None:
    assert [case[0] for case in WRITERS] == [rule.id for rule in rules.WRITER_RULES]


@dataclass(frozen=True)
class VetoCase:
    """What a veto is about and what it is not."""

    applies: SourceModel
    not_to: SourceModel
    forbids: tuple[tuple[str, tuple[int, int]], ...]
    allows: tuple[tuple[str, tuple[int, int]], ...]


def _resizing(flavour: str, version: str, interpolation: str) -> SourceModel:
    resize = layer(
        "UpSampling2D", "up", batch_input_shape=[None, 4, 4, 1], interpolation=interpolation
    )
    return source(flavour, version, config=sequential(resize))


VETOES = {
    "bilinear-resize": VetoCase(
        applies=_resizing("keras", "2.2.4", "bilinear"),
        not_to=_resizing("keras", "2.2.4", "nearest"),
        forbids=(("tf.keras", (1, 15)), ("tf_keras", (2, 21)), ("tf.keras", (2, 2))),
        allows=(("keras", (1, 15)), ("tf.keras", (1, 14))),
    ),
    "keras-3-own-meanings": VetoCase(
        applies=source(
            "keras3",
            "3.15.1",
            config=sequential(layer("Dense", "d", units=1, activation="hard_sigmoid")),
            dialect="keras3",
        ),
        not_to=source("keras3", "3.15.1", dialect="keras3"),
        forbids=(("tf_keras", (2, 21)), ("tf.keras", (2, 15))),
        allows=(("keras3", (2, 21)),),
    ),
    "keras-3-rewrote-meanings": VetoCase(
        applies=source("tf.keras", "2.15.0"),
        not_to=source("keras3", "3.15.1", dialect="keras3"),
        forbids=(("keras3", (2, 21)),),
        allows=(("tf_keras", (2, 21)), ("tf.keras", (2, 15))),
    ),
    "theano-kernels": VetoCase(
        applies=source("keras", "1.2.2", backend="theano", dialect="keras1"),
        not_to=source("keras", "1.2.2", backend="tensorflow", dialect="keras1"),
        forbids=(("keras", (1, 12)), ("tf.keras", (2, 15))),
        allows=(("keras", (1, 4)),),
    ),
    "theano-backend": VetoCase(
        applies=source("keras", "2.1.3", backend="theano"),
        not_to=source("keras", "2.1.3", backend="tensorflow"),
        forbids=(("tf.keras", (2, 15)), ("tf_keras", (2, 21))),
        allows=(("keras", (1, 12)), ("keras", (1, 15))),
    ),
}


@pytest.mark.parametrize("veto", rules.VETOES, ids=lambda veto: veto.id)
def test_a_veto_strikes_what_would_answer_wrongly_and_nothing_else(veto: rules.Veto) -> None:
    case = VETOES[veto.id]
    assert veto.applies(case.applies)
    assert not veto.applies(case.not_to)
    assert all(veto.forbids(*target) for target in case.forbids)
    assert not any(veto.forbids(*target) for target in case.allows)


def test_bilinear_resizing_by_tf_keras_is_not_vetoed() -> None:
    veto = next(v for v in rules.VETOES if v.id == "bilinear-resize")
    assert not veto.applies(_resizing("tf.keras", "2.2.4-tf", "bilinear"))


def test_theano_files_of_keras_2_are_turned_by_native_keras_itself() -> None:
    veto = next(v for v in rules.VETOES if v.id == "theano-kernels")
    assert not veto.applies(source("keras", "2.1.6", backend="theano"))


def test_every_veto_has_a_case_here() -> None:
    assert list(VETOES) == [veto.id for veto in rules.VETOES]


def test_a_file_that_cannot_tell_its_interpolation_is_told_apart() -> None:
    (caution,) = rules.CAUTIONS
    untold = sequential(layer("UpSampling2D", "up", batch_input_shape=[None, 4, 4, 1]))
    assert caution.applies(source("tf.keras", "2.2.4-tf", config=untold))
    assert not caution.applies(_resizing("tf.keras", "2.2.4-tf", "nearest"))
    assert not caution.applies(source("keras", "2.2.0", config=untold))


def test_ids_are_unique_and_every_row_gives_a_reason() -> None:
    said = [(rule.id, rule.reason) for rule in rules.WRITER_RULES]
    said += [(veto.id, veto.reason) for veto in rules.VETOES]
    assert len({id_ for id_, _ in said}) == len(said)
    assert all(reason.strip() for _, reason in said)
    assert all(veto.source.strip() for veto in rules.VETOES)


@pytest.mark.parametrize("rule", rules.WRITER_RULES, ids=lambda rule: rule.id)
def test_targets_are_different_and_in_the_catalog(rule: rules.WriterRule) -> None:
    assert rule.targets
    assert len(set(rule.targets)) == len(rule.targets)
    for id_, flavour in rule.targets:
        assert catalog.get(id_).flavour(flavour) is not None, (id_, flavour)


@pytest.mark.parametrize(
    ("tensorflow", "release"),
    [
        ((1, 4), "1.14"),
        ((1, 12), "1.14"),
        ((1, 14), "1.14"),
        ((1, 15), "2.2"),
        ((2, 2), "2.2"),
        ((2, 3), "2.15"),
        ((2, 15), "2.15"),
        ((2, 16), "2.21"),
        ((2, 21), "2.21"),
    ],
)
def test_the_serving_release_that_proves_what_a_tensorflow_converted(
    tensorflow: tuple[int, int], release: str
) -> None:
    assert next(r for below, r in rules.SERVING_RULES if tensorflow < below) == release


def test_serving_rules_ascend_and_name_releases_the_catalog_stands_for() -> None:
    bounds = [below for below, _ in rules.SERVING_RULES]
    assert bounds == sorted(set(bounds))
    assert bounds[-1] > max(t.tensorflow_series for t in catalog.load().values())
    for _, release in rules.SERVING_RULES:
        assert catalog.for_serving(release).serving is not None


PREFERENCES = [
    ("keras", ("keras", "tf.keras", "tf_keras")),
    ("tf.keras", ("tf.keras", "tf_keras", "keras")),
    ("tf_keras", ("tf_keras", "tf.keras")),
    ("keras3", ("keras3", "tf_keras", "tf.keras")),
    (None, ("tf.keras", "tf_keras", "keras", "keras3")),
]


@pytest.mark.parametrize(("writer", "preferred"), PREFERENCES)
def test_flavours_to_load_a_file_with(writer: str | None, preferred: tuple[str, ...]) -> None:
    assert rules.FLAVOUR_PREFERENCE[writer] == preferred


def test_every_writer_and_no_other_has_a_preference_among_flavours_of_the_catalog() -> None:
    writers = {rule.flavour for rule in rules.WRITER_RULES}
    assert set(rules.FLAVOUR_PREFERENCE) == writers == {writer for writer, _ in PREFERENCES}
    offered = {f.name for t in catalog.load().values() for f in t.flavours}
    assert {name for names in rules.FLAVOUR_PREFERENCE.values() for name in names} <= offered


def test_strategies_are_the_same_in_the_rules_the_catalog_and_the_worker() -> None:
    offered = {s for t in catalog.load().values() for f in t.flavours for s in f.strategies}
    assert offered == set(rules.STRATEGY_MODES) == set(strategies.STRATEGIES)


def test_strategies_for_a_users_own_environment_exist() -> None:
    named = {name for _, names in rules.OWN_ENVIRONMENT_STRATEGIES for name in names}
    assert named <= set(rules.STRATEGY_MODES)
    assert rules.OWN_ENVIRONMENT_STRATEGIES[-1][0] > (2, 21)


@pytest.mark.parametrize(
    ("strategy", "mode"),
    [
        ("builder", "graph"),
        ("simple_save", "graph"),
        ("contrib", "graph"),
        ("save_model", "eager"),
        ("export", "eager"),
    ],
)
def test_the_mode_of_worker_a_strategy_needs(strategy: str, mode: str) -> None:
    assert rules.STRATEGY_MODES[strategy] == mode
