"""The results as text, CSV, plots and a page in a real browser."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from converter.bench import baseline, formats, page, plots
from converter.errors import UsageError
from testing import benches
from testing.browser import opened, running

NAMES = ("latency", "split", "distribution")
BEYOND = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """A run with a baseline."""
    made = benches.made(model=benches.HOSTILE)
    cases = baseline.compare(benches.made(2.0), made, 0.2)
    return {**made, "baseline": {"threshold": 0.2, "cases": cases}}


@pytest.fixture(scope="module")
def drawn(document: dict[str, Any]) -> plots.Drawn:
    """Its plots."""
    return plots.draw(document)


def test_the_document_is_json(document: dict[str, Any]) -> None:
    again = json.loads(json.dumps(document, allow_nan=False))
    assert again == document
    assert document["schema"] == "convert-h5/bench/1"


def test_the_csv_has_a_row_for_each_case_with_its_figures(document: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(formats.as_csv(document))))
    assert len(rows) == len(document["cases"])
    for row, case in zip(rows, document["cases"], strict=True):
        assert row["way"] == case["way"]
        assert float(row["p50_ms"]) == case["latency_ms"]["p50"]["value"]
        assert float(row["encode_ms"]) == case["split_ms"]["encode"]


def test_the_terminal_has_every_case_what_was_left_out_and_the_sentence(
    document: dict[str, Any],
) -> None:
    told = list(formats.lines(document))
    for case in document["cases"]:
        assert any(f"{case['latency_ms']['p50']['value']:10.3f}" in line for line in told)
    assert "left out: rest-b64: no input is a string" in told
    assert "a note" in told
    assert told[-1] == document["crossover"]["sentence"]


def test_every_plot_is_an_svg_and_a_png_and_the_same_each_time(
    document: dict[str, Any], drawn: plots.Drawn
) -> None:
    assert tuple(drawn) == NAMES
    for images in drawn.values():
        assert ET.fromstring(images["svg"]).tag.endswith("svg")
        assert images["png"].startswith(b"\x89PNG")
    assert plots.draw(document) == drawn


def test_plots_name_every_way(document: dict[str, Any], drawn: plots.Drawn) -> None:
    ways = {case["way"] for case in document["cases"]}
    for images in drawn.values():
        told = " ".join(ET.fromstring(images["svg"]).itertext())
        assert all(way in told for way in ways)


def test_plots_without_matplotlib_are_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "installed", lambda: False)
    with pytest.raises(UsageError, match=r"convert-h5\[plots\]"):
        plots.require()


def test_all_files_are_written(
    document: dict[str, Any], drawn: plots.Drawn, tmp_path: Path
) -> None:
    written = formats.write(document, tmp_path / "new", drawn)
    names = {"bench.json", "bench.csv", "bench.html"}
    names |= {f"{name}.{kind}" for name in NAMES for kind in ("svg", "png")}
    assert (
        {path.name for path in written} == {p.name for p in (tmp_path / "new").iterdir()} == names
    )


def test_a_folder_that_cannot_be_written_to_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        formats.write(benches.made(), tmp_path / "file", {})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of this process."""
    with running() as found:
        yield found


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_shows_plots_and_figures_and_asks_for_nothing(
    document: dict[str, Any], drawn: plots.Drawn, browser: Browser, tmp_path: Path, width: int
) -> None:
    file = tmp_path / "bench.html"
    file.write_text(page.render(document, drawn), encoding="utf-8")
    with opened(browser, file, width=width) as found:
        shown = found.page
        expect(shown.locator(".lead")).to_have_text(document["crossover"]["sentence"])
        sizes = shown.locator("img").evaluate_all("all => all.map(i => i.naturalWidth)")
        assert len(sizes) == len(NAMES)
        assert all(sizes)
        medians = {str(case["latency_ms"]["p50"]["value"]) for case in document["cases"]}
        values = shown.locator("data").evaluate_all("all => all.map(d => d.value)")
        assert medians <= set(values)
        assert not shown.evaluate(BEYOND)
        assert shown.title() != "owned"
        assert found.said == []
        assert [url for url in found.requests if not url.startswith("data:")] == [file.as_uri()]


def test_the_page_without_plots_says_how_to_get_them() -> None:
    assert "convert-h5[plots]" in page.render(benches.made(), {})
