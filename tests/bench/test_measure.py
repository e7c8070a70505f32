"""The measuring itself, on a server whose answers take a known time."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from converter.bench.cases import Case
from converter.bench.measure import Settings, WrongAnswer, collected, orders
from converter.bench.run import Wanted, run
from converter.bench.ways import WAYS
from converter.errors import UsageError
from converter.serving.client.errors import ServerUnavailable
from testing import delayed, servers

# Long, so that 5 % of it is more than a busy machine takes to wake a thread.
DELAY = 0.2
OWN = ("rest-row", "rest-columnar", "grpc-typed", "grpc-content")


def _run(fake: delayed.Fake, rounds: int = 1, calls: int = 1, **wanted: Any) -> dict[str, Any]:
    settings = Settings(rounds=rounds, calls=calls, warmup=1)
    chosen = {"ways": OWN, "batches": (2,), "sweep": 0, **wanted}
    return run(fake.url, Wanted(settings=settings, grpc=fake.grpc, **chosen))


def test_a_known_delay_is_given_back_within_5_percent() -> None:
    with delayed.serving(delay=DELAY) as fake:
        document = _run(fake, rounds=2)
    assert [case["way"] for case in document["cases"]] == list(OWN)
    for case in document["cases"]:
        assert case["split_ms"]["wire"] >= DELAY * 1000
        assert case["latency_ms"]["least"] == pytest.approx(DELAY * 1000, rel=0.05)


def test_callers_at_once_wait_at_once() -> None:
    with delayed.serving(delay=DELAY) as fake:
        (case,) = _run(fake, ways=("grpc-content",), concurrencies=(3,))["cases"]
    assert case["calls"] == 3
    # One after the other they would be at most 1 / DELAY.
    assert 1 / DELAY < case["calls_per_second"] <= 3 / DELAY


@pytest.mark.parametrize("connection", ["kept", "fresh"])
def test_every_way_is_measured_over_both_kinds_of_connection(connection: str) -> None:
    with delayed.serving() as fake:
        document = _run(fake, connections=(connection,), calls=2)
    for case in document["cases"]:
        assert case["connection"] == connection
        assert case["calls"] == 2
        assert min(case["split_ms"].values()) > 0


def test_bytes_are_those_on_the_wire() -> None:
    with delayed.serving(width=1000) as fake:
        cases = {case["way"]: case for case in _run(fake)["cases"]}
    payload = cases["rest-row"]["payload_bytes"]
    assert payload == 2 * 1000 * 4
    content = cases["grpc-content"]["sent_bytes"]
    assert payload < content < payload + 500
    # A float32 in [0, 1) has 8 digits or more.
    assert cases["rest-row"]["sent_bytes"] > 2 * payload


@pytest.mark.parametrize("way", ["rest-row", "grpc-content"])
def test_a_wrong_answer_ends_the_run(way: str) -> None:
    # The first two are right: those of the warm-up, and the first that is timed.
    with delayed.serving(wrong_from=3) as fake, pytest.raises(WrongAnswer) as failed:
        _run(fake, ways=(way,), rounds=2)
    assert failed.value.exit_code == 1
    assert "output 'y'" in failed.value.why


def test_a_server_that_is_not_there_is_one_error() -> None:
    fake = delayed.Fake(rest=f"http://127.0.0.1:{servers.free_port()}", grpc="127.0.0.1:1")
    with pytest.raises(ServerUnavailable) as failed:
        _run(fake)
    assert failed.value.exit_code == 6


def test_a_guessed_grpc_port_that_does_not_answer_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("converter.bench.target.GRPC_PORT", servers.free_port())
    with delayed.serving() as fake:
        settings = Settings(rounds=1, calls=1, warmup=1)
        document = run(fake.url, Wanted(batches=(1,), ways=OWN, settings=settings))
    assert {case["protocol"] for case in document["cases"]} == {"REST"}
    assert any("--grpc" in note for note in document["notes"])
    assert document["crossover"]["points"] == []


def test_a_grpc_address_alone_has_no_rest() -> None:
    with delayed.serving() as fake:
        settings = Settings(rounds=1, calls=1, warmup=1)
        document = run(f"grpc://{fake.grpc}/m", Wanted(batches=(1,), ways=OWN, settings=settings))
        with pytest.raises(UsageError, match="Nothing is left"):
            run(f"grpc://{fake.grpc}/m", Wanted(batches=(1,), ways=("rest-row",)))
    assert {case["protocol"] for case in document["cases"]} == {"gRPC"}


def test_rounds_are_in_other_orders_and_the_same_for_the_same_seed() -> None:
    cases = [Case(way, 1, 1, "kept") for way in WAYS.values()]
    first, again, other = (list(orders(cases, Settings(rounds=4, seed=seed))) for seed in (1, 1, 2))
    assert first == again != other
    assert all(set(order) == set(cases) for order in first)
    assert len({tuple(order) for order in first}) > 1


def test_the_collector_is_off_while_timed_and_on_again_after_a_failure() -> None:
    def failing() -> None:
        with collected():
            assert not gc.isenabled()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert gc.isenabled()
