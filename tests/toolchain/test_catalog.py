"""The catalog agrees with itself and with its locks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from converter.errors import UnknownToolchain
from converter.rules import STRATEGY_MODES
from converter.toolchain import catalog
from converter.toolchain.catalog import Toolchain

ALL = list(catalog.load().values())
every_toolchain = pytest.mark.parametrize("toolchain", ALL, ids=lambda t: t.id)

PINNED = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*==[0-9][a-zA-Z0-9.+!]*( ; .*)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
HOST = re.compile(r"://|\b(?:[a-z0-9-]+\.)+(?:org|com|io|net|dev)\b", re.IGNORECASE)


def _requirements(lock: Path) -> list[list[str]]:
    """Each requirement with its options, continued lines joined."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [re.split(r"\s+(?=--)", line) for line in lines if line and not line.startswith("#")]


def test_ids_are_those_of_the_entries_each_once() -> None:
    text = (catalog.HERE / "catalog.toml").read_text(encoding="utf-8")
    ids = re.findall(r'^id = "(.+)"$', text, re.MULTILINE)
    assert ids == list(catalog.load())


def test_every_lock_belongs_to_a_toolchain() -> None:
    locks = {path.stem for path in (catalog.HERE / "locks").iterdir()}
    assert locks == set(catalog.load())


@every_toolchain
def test_every_requirement_is_pinned_and_hashed(toolchain: Toolchain) -> None:
    requirements = _requirements(toolchain.lock_path)
    assert len(requirements) > 5
    for requirement, *options in requirements:
        assert PINNED.fullmatch(requirement), requirement
        assert options, requirement
        assert all(HASH.fullmatch(option) for option in options), requirement


@every_toolchain
def test_a_package_is_in_a_lock_once(toolchain: Toolchain) -> None:
    names = [
        requirement.split("==")[0].lower() for requirement, *_ in _requirements(toolchain.lock_path)
    ]
    assert sorted(set(names)) == sorted(names)


@every_toolchain
def test_locks_name_no_index_and_no_host(toolchain: Toolchain) -> None:
    assert HOST.findall(toolchain.lock_path.read_text(encoding="utf-8")) == []


@every_toolchain
def test_what_is_asked_for_exactly_is_what_is_locked(toolchain: Toolchain) -> None:
    locked = {requirement.split(" ")[0] for requirement, *_ in _requirements(toolchain.lock_path)}
    exact = [r for r in (*toolchain.requires, *toolchain.requires_no_deps) if "==" in r]
    assert set(exact) <= locked
    assert re.fullmatch(
        rf"tensorflow(-cpu)?=={re.escape(toolchain.tensorflow)}",
        next(r for r in exact if r.startswith("tensorflow")),
    )


@every_toolchain
def test_flavours_are_different_and_offer_known_strategies(toolchain: Toolchain) -> None:
    names = [flavour.name for flavour in toolchain.flavours]
    assert names
    assert len(set(names)) == len(names)
    assert set(names) <= {"keras", "tf.keras", "tf_keras", "keras3"}
    for flavour in toolchain.flavours:
        assert flavour.strategies
        assert len(set(flavour.strategies)) == len(flavour.strategies)
        assert set(flavour.strategies) <= set(STRATEGY_MODES)


@every_toolchain
def test_a_serving_release_is_of_the_series_of_its_tensorflow(toolchain: Toolchain) -> None:
    if toolchain.serving is not None:
        assert catalog.version_tuple(toolchain.serving) == toolchain.tensorflow_series


def test_the_order_is_that_of_tensorflow_oldest_first() -> None:
    series = [t.tensorflow_series for t in ALL]
    assert series == sorted(series)


def test_every_tensorflow_from_1_12_on_is_there_and_stands_for_its_server() -> None:
    wanted = [(1, minor) for minor in range(12, 16)] + [(2, minor) for minor in range(22)]
    assert sorted({t.tensorflow_series for t in ALL if t.serving}) == wanted
    for series in wanted:
        assert sum(bool(t.serving) for t in ALL if t.tensorflow_series == series) == 1


def test_every_keras_that_had_many_users_is_there() -> None:
    native = {f.version for t in ALL for f in t.flavours if f.name == "keras"}
    assert native == {"1.2.2", "2.0.9", "2.1.6", "2.2.4", "2.2.5", "2.3.1"}
    # This one only hands out tf.keras.
    assert "keras==2.4.3" in catalog.get("tf2.3").requires
    series = {t.tensorflow_series: {f.name for f in t.flavours} for t in ALL}
    assert all(series[2, minor] == {"keras3", "tf_keras"} for minor in range(16, 22))


def test_contrib_is_offered_by_tensorflow_1_only() -> None:
    offering = [t for t in ALL for f in t.flavours if "contrib" in f.strategies]
    assert offering
    assert all(t.tensorflow_series < (2, 0) for t in offering)


def test_a_toolchain_is_had_by_its_id() -> None:
    found = catalog.get("tf2.15")
    assert (found.id, found.tensorflow_series) == ("tf2.15", (2, 15))
    assert found.flavour("tf.keras") is not None
    assert found.flavour("keras3") is None


def test_an_unknown_id_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownToolchain, match=r"tf9\.9") as caught:
        catalog.get("tf9.9")
    assert all(id_ in caught.value.fix for id_ in catalog.load())


def test_the_digest_of_a_lock_is_that_of_its_bytes() -> None:
    digests = {t.lock_sha256 for t in ALL}
    assert len(digests) == len(ALL)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)


@pytest.mark.parametrize(
    ("version", "id_"),
    [
        ("1.12", "tf1.12-keras2.1"),
        ("1.13", "tf1.13-keras2.2"),
        ("1.14", "tf1.14-keras2.2"),
        ("1.14.0", "tf1.14-keras2.2"),
        ("1.15", "tf1.15-keras2.3"),
        ("2.2", "tf2.2"),
        ("2.2.0", "tf2.2"),
        ("2.2.3", "tf2.2"),
        ("2.15.1", "tf2.15"),
        ("2.21", "tf2.21"),
    ],
)
def test_the_toolchain_that_stands_for_a_serving_release(version: str, id_: str) -> None:
    assert catalog.for_serving(version).id == id_


@pytest.mark.parametrize("version", ["1.4", "2.22", "3", "latest", "2.x", "2.15-gpu", "", "."])
def test_a_release_that_nothing_stands_for_is_refused_with_those_that_have_one(
    version: str,
) -> None:
    with pytest.raises(UnknownToolchain, match="No toolchain stands for") as caught:
        catalog.for_serving(version)
    assert "1.12, 1.13, 1.14, 1.15, 2.0" in caught.value.fix
