"""`convert-h5 bench`, end to end, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from converter import Options, api
from converter.toolchain.pool import Pool
from fixtures import tutorial
from testing import cli, delayed, servers

QUICK = ("--rounds", 2, "--calls", 2, "--warmup", 1, "--sweep", 0)


@pytest.mark.toolchain("tf2.15")
def test_the_digits_are_measured_in_every_way_with_the_client_told_apart(
    fixtures_folder: Path, tmp_path: Path
) -> None:
    model = fixtures_folder / "digits-tf.keras-2.15.h5"
    api.convert(model, tmp_path / "m", Options(verify=False))
    arguments = ("--serving", "local:2.15", "--batches", "10", "-o", tmp_path / "out", *QUICK)
    done = cli.run("bench", tmp_path / "m", *arguments)
    assert done.code == 0, done.err
    document: dict[str, Any] = json.loads((tmp_path / "out" / "bench.json").read_text())
    cases = {case["way"]: case for case in document["cases"]}
    assert list(cases) == [way for way in document["ways"] if way != "rest-b64"]
    assert all(case["calls"] == 4 for case in cases.values())
    assert all(min(cases[way]["split_ms"].values()) > 0 for way in cases if way != "bare")
    assert cases["bare"]["split_ms"]["encode"] == 0
    assert cases["naive-rest"]["sent_bytes"] > cases["rest-row"]["sent_bytes"]
    assert document["target"]["served_by"] == "local:2.15.1"
    assert document["crossover"]["sentence"] in done.out
    assert (tmp_path / "out" / "bench.html").is_file()


def test_json_is_one_document_and_a_baseline_is_held_against_it(tmp_path: Path) -> None:
    baseline = tmp_path / "old.json"
    with delayed.serving(delay=0.001) as fake:
        asked = (
            fake.url,
            "--grpc",
            fake.grpc,
            "--batches",
            "1",
            "--ways",
            "grpc-content",
            "--json",
        )
        many = ("--rounds", 3, "--calls", 5)
        first = cli.run("bench", *asked, *many)
        assert first.code == 0, first.err
        baseline.write_text(first.out)
        fake.delay = 0.2
        slower = cli.run("bench", *asked, *many, "--baseline", baseline)
    assert slower.code == 1
    assert slower.last_line.endswith("[bench-slower]")
    (compared,) = json.loads(slower.out)["baseline"]["cases"]
    assert compared["outcome"] == "slower"


def test_a_server_that_is_not_there_is_one_line_and_exit_6() -> None:
    done = cli.run("bench", f"http://127.0.0.1:{servers.free_port()}/v1/models/m", *QUICK)
    assert done.code == 6
    assert len(done.err.splitlines()) == 1
    assert done.err.endswith("[serving-unavailable]\n")
    assert done.out == ""


def test_a_wrong_answer_is_one_line_and_exit_1() -> None:
    with delayed.serving(wrong_from=4) as fake:
        ways = ("--ways", "rest-row,grpc-content", "--batches", "1")
        done = cli.run("bench", fake.url, "--grpc", fake.grpc, *ways, *QUICK)
    assert done.code == 1
    assert done.last_line.endswith("[bench-wrong-answer]")
    assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["no-such-file.h5"], 3, "There is no no-such-file.h5"),
        (["http://h"], 2, "not the address of a served model"),
        (["m.h5", "--ways", "carrier-pigeon"], 2, "There is no way 'carrier-pigeon'"),
        (["m.h5", "--batches", "0"], 2, "is not numbers"),
        (["m.h5", "--baseline", "no-such-file.json"], 2, "cannot be read as JSON"),
        (["."], 2, "holds no SavedModel"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(
    arguments: list[str], code: int, said: str
) -> None:
    done = cli.run("bench", *arguments)
    assert done.code == code
    assert said in done.err


@pytest.mark.toolchain("tf2.2")
def test_the_detector_is_converted_and_proven_with_its_own_layers(
    pool: Pool, tmp_path: Path
) -> None:
    model = tutorial.write("small-detector", tmp_path)
    options = Options(custom_objects=tutorial.CUSTOM_OBJECTS, serving="local:2.2")
    report = api.convert(model, tmp_path / "served", options, pool=pool)
    assert report.published is not None
    assert report.outputs == ["detection_boxes", "detection_scores", "detection_classes"]
