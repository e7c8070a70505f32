"""What was measured agrees with the tables that decide, and is told as a plan's reasons."""

from __future__ import annotations

import itertools
import json

import pytest

from compat_matrix.causes import CAUSES
from converter import evidence, rules
from converter.evidence import NO_TOOLCHAIN, Way
from converter.toolchain import catalog
from scripts import evidence as script
from testing import matrix

WAYS = evidence.load().ways
MEASURED = set(evidence.load().files)
CAUSES_KNOWN = {cause.issue for cause in CAUSES} | {veto.id for veto in rules.VETOES}


def _older(way: Way) -> bool:
    """Whether the server is older than the TensorFlow that converted."""
    series = catalog.get(way.toolchain).tensorflow_series
    return tuple(map(int, way.serving.split("."))) < series


def test_direct_was_right_in_every_cell() -> None:
    ways = [way for way in WAYS if way.strategy == rules.DIRECT]
    assert {way.rule for way in ways} == MEASURED
    assert all(way.passed == way.cells > 0 for way in ways)


def test_every_failure_has_a_known_cause() -> None:
    assert {issue for way in WAYS for issue, _ in way.issues} <= CAUSES_KNOWN
    assert all(way.cells - way.passed == sum(n for _, n in way.issues) for way in WAYS)


def test_no_numbers_were_wrong_where_a_rule_lets_a_file_be_loaded() -> None:
    """A rule that foresees wrong numbers names itself as their cause."""
    vetoes = {veto.id for veto in rules.VETOES}
    chosen = {(r.id, *target) for r in rules.WRITER_RULES for target in r.targets}
    taken = [way for way in WAYS if (way.rule, way.toolchain, way.keras) in chosen]
    assert taken
    assert not [way for way in taken for issue, _ in way.issues if issue in vetoes]


@pytest.mark.parametrize("rule", [r for r in rules.WRITER_RULES if r.id in MEASURED], ids=str)
def test_the_first_toolchain_of_a_rule_is_right_from_its_own_release_on(
    rule: rules.WriterRule,
) -> None:
    first = [w for w in WAYS if (w.rule, w.toolchain, w.keras) == (rule.id, *rule.targets[0])]
    flavour = catalog.get(rule.targets[0][0]).flavour(rule.targets[0][1])
    assert flavour is not None
    assert {way.strategy for way in first} == set(flavour.strategies)
    assert [way for way in first if way.passed < way.cells and not _older(way)] == []


def test_only_rules_without_a_fixture_are_not_measured() -> None:
    assert {rule.id for rule in rules.WRITER_RULES} - MEASURED == {"unknown"}


def test_what_sessions_export_fails_in_older_servers_from_the_release_that_the_rules_name() -> None:
    sessions = [s for s, mode in rules.STRATEGY_MODES.items() if mode == "graph"]
    older = [
        w for w in WAYS if w.strategy in sessions and w.toolchain != NO_TOOLCHAIN and _older(w)
    ]
    by_series = itertools.groupby(
        sorted(older, key=lambda w: catalog.get(w.toolchain).tensorflow_series),
        key=lambda w: catalog.get(w.toolchain).tensorflow_series,
    )
    some_right = {series: any(way.passed for way in ways) for series, ways in by_series}
    wanted = {series: series < rules.FREEZE_FOR_OLDER_SERVING_SINCE for series in some_right}
    assert some_right == wanted


def test_every_way_of_the_catalog_was_measured() -> None:
    offered = {
        (toolchain.id, flavour.name, strategy)
        for toolchain in catalog.load().values()
        for flavour in toolchain.flavours
        for strategy in flavour.strategies
        # The Keras of a toolchain that some writer's files are loaded by first.
        if any(
            flavour.name == next(filter(toolchain.flavour, names), "")
            for names in rules.FLAVOUR_PREFERENCE.values()
        )
    }
    assert {(w.toolchain, w.keras, w.strategy) for w in WAYS if w.keras} == offered


def test_reasons_tell_what_is_right_and_what_fails() -> None:
    right, *fails = evidence.reasons("keras-3", "tf2.21", "keras3", ["direct", "export"])
    assert right == (
        "measured with 6 such files, served by 1.14, 1.15, 2.2, 2.21;"
        " right: direct 24 of 24, export 6 of 24 (never by 1.14, 1.15, 2.2)"
    )
    assert fails[0].startswith(
        "fails: older-keras-lacks-argument, converted by TensorFlow 1.12 to 2.20"
    )


def test_where_nothing_was_measured_nothing_is_told() -> None:
    assert evidence.reasons("unknown", "tf2.15", "tf.keras", ["direct"]) == ()


def test_the_summary_of_a_run_is_what_is_read_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = matrix.document(("one.h5", "two.h5"))
    for file in document["files"]:
        file["rule"] = "keras-2.0-2.1"
    written = script.text(evidence.summary(document))
    path = tmp_path_factory.mktemp("evidence") / "evidence.json"
    path.write_text(written)
    monkeypatch.setattr(evidence, "PATH", path)
    read = evidence.load.__wrapped__()
    assert json.loads(written)["schema"] == evidence.SCHEMA
    assert read.files == {"keras-2.0-2.1": 2}
    tried = [cell for cell in document["cells"] if cell["kind"] != "refused"]
    assert sum(way.cells for way in read.ways) == len(tried)
    assert sum(way.passed for way in read.ways) == sum(c["kind"] == "pass" for c in tried)
