"""The results page in a real browser: found, read and linked to by mouse, keyboard and phone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from compat_matrix.outcome import KINDS
from compat_matrix.page import render
from compat_matrix.page.packed import KINDS as FROM_GOOD_TO_BAD
from compat_matrix.page.packed import MARKS
from converter.text import escaped, printable
from testing import matrix
from testing.browser import Opened, opened, running
from testing.contrast import colours, contrast
from testing.matrix import Document

PHONE, DESK = 360, 1280
Show = Callable[..., Opened]
HOSTILE = (
    "</script><img src=x onerror=\"document.title='owned'\">.h5",
    "<!--<script>document.title='owned'</script>.h5",
    "back\u202egnp.exe \u2028\x00\x1b[31m\udc80 {0} &lt;b&gt; end.h5",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of this process."""
    with running() as found:
        yield found


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Opens the page of a document."""
    with ExitStack() as pages:

        def opening(told: Document, width: int = DESK, *, dark: bool = False) -> Opened:
            file = tmp_path / "matrix.html"
            file.write_text(render(told), encoding="utf-8")
            return pages.enter_context(opened(browser, file, width=width, dark=dark))

        yield opening


def _square(page: Page, file: str, toolchain: str) -> Locator:
    return page.get_by_role("button", name=f"{file}, {toolchain}: ")


def _pick(page: Page, facet: str, *names: str) -> None:
    page.locator(".choice summary", has_text=facet).click()
    for name in names:
        page.get_by_role("group", name=facet).get_by_label(name, exact=True).check()
    page.keyboard.press("Escape")


def _says(page: Page, told: Document, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """The count is of the cells that are `wanted`."""
    count = sum(map(wanted, told["cells"]))
    expect(page.locator(".status")).to_have_text(f"{count:,} of {len(told['cells']):,} cells")


def _focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label')"))


def _facts(of: Locator) -> dict[str, str]:
    names = of.locator("dt").all_inner_texts()
    return dict(zip(names, of.locator("dd").all_inner_texts(), strict=True))


def test_the_page_says_what_it_is(show: Show) -> None:
    told = matrix.document()
    header = show(told).page.locator(".page > header")
    expect(header).to_contain_text("convert-h5 1.2.3 · 2024-05-01 12:00 UTC")
    expect(header).to_contain_text(f"{len(told['cells'])} cells: ")
    expect(header).to_contain_text(told["rule"])
    for kind in KINDS:
        count = sum(cell["kind"] == kind for cell in told["cells"])
        expect(header).to_contain_text(f"{count} {kind}")


def test_files_are_grouped_by_writer_and_toolchains_are_columns(show: Show) -> None:
    told = matrix.document()
    grid = show(told).page.get_by_role("grid")
    rows = ["keras 2.1.6", "digits.h5", "gru.h5", "keras 2.3.1", "lstm.h5", "nested.h5"]
    assert grid.locator("tbody th").all_inner_texts() == rows
    assert grid.locator("thead th").all_inner_texts()[1:] == [t["id"] for t in told["toolchains"]]


def test_a_square_tells_the_worst_outcome_and_how_many_passed(show: Show) -> None:
    told = matrix.document()
    page = show(told).page
    for file in told["files"]:
        for toolchain in told["toolchains"]:
            kinds = [c["kind"] for c in matrix.square(told, file["name"], toolchain["id"])]
            worst = max(kinds, key=FROM_GOOD_TO_BAD.index)
            passed = kinds.count("pass")
            square = _square(page, file["name"], toolchain["id"])
            label = f"{worst}, {passed} of {len(kinds)} passed"
            assert (square.get_attribute("aria-label") or "").endswith(label)
            mark = MARKS[worst]
            assert square.inner_text().split() == (
                [mark]
                if worst == "pass" or (worst, passed) == ("refused", 0)
                else [mark, f"{passed}/{len(kinds)}"]
            )


def test_outcomes_are_told_apart_by_colour_and_by_mark(show: Show) -> None:
    marks = show(matrix.document()).page.locator(".outcomes .mark")
    shown = marks.evaluate_all("all => all.map(e => getComputedStyle(e).backgroundColor)")
    assert len(set(shown)) == len(set(marks.all_inner_texts())) == len(KINDS)


def test_a_square_opens_the_evidence_of_its_worst_cell(show: Show) -> None:
    told = matrix.document(["one.h5"], toolchains=1)
    for cell in told["cells"][1:]:
        cell.update(matrix.OUTCOMES[0])
    told["cells"][0].update(matrix.OUTCOMES[4])
    page = show(told).page
    page.locator(".square").click()
    panel = page.get_by_role("dialog", name="one.h5")
    expect(panel.get_by_role("heading", level=3)).to_have_text("✗ failedbuilder, served by 1.15")
    expect(panel.locator(".line")).to_have_text("the server ended with signal 11")
    assert panel.locator(".log").inner_text() == matrix.LOG.rstrip("\n")
    expect(panel.locator(".command")).to_have_text(told["cells"][0]["command"])


def test_choosing_a_cell_shows_all_that_is_known_of_it(show: Show) -> None:
    told = matrix.document(["one.h5"], toolchains=1)
    told["cells"][-1].update(matrix.OUTCOMES[1])
    page = show(told).page
    page.locator(".square").click()
    page.get_by_role("button", name="save_model, 2.15: wrong numbers").click()
    version = told["toolchains"][0]
    flavour, keras = next(iter(version["keras"].items()))
    assert _facts(page.locator("dialog dl")) == {
        "Converted in": f"{version['id']}: TensorFlow {version['tensorflow']}, {flavour} {keras}",
        "Loaded": "its config translated to this Keras",
        "Reference": "keras in tf1.15-keras2.3",
        "Largest difference": "0.21",
        "… relative": "3.5",
        "Known issue": "keras-3-rewrote-meanings",
        "sha256": "0" * 64,
    }


def test_the_command_is_copied_word_for_word(show: Show) -> None:
    told = matrix.document(["one.h5"], toolchains=1)
    page = show(told).page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".square").click()
    page.get_by_role("button", name="save_model, 2.15").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == told["cells"][-1]["command"]


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_square_opens_by_key_and_escape_leads_back_to_it(show: Show, key: str) -> None:
    page = show(matrix.document()).page
    page.locator(".square").first.focus()
    page.keyboard.press("ArrowDown")
    before = _focused(page)
    page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert _focused(page) == before


def test_keys_walk_the_grid(show: Show) -> None:
    told = matrix.document()
    page = show(told).page
    ids = [toolchain["id"] for toolchain in told["toolchains"]]
    page.locator(".square").first.focus()
    for key, file, column in (
        ("ArrowRight", "digits.h5", 1),
        ("ArrowDown", "gru.h5", 1),
        ("ArrowDown", "lstm.h5", 1),
        ("End", "lstm.h5", -1),
        ("ArrowRight", "lstm.h5", -1),
        ("Home", "lstm.h5", 0),
        ("ArrowUp", "gru.h5", 0),
        ("Control+End", "nested.h5", -1),
        ("ArrowLeft", "nested.h5", -2),
        ("Control+Home", "digits.h5", 0),
    ):
        page.keyboard.press(key)
        assert _focused(page).startswith(f"{file}, {ids[column]}: ")
    assert page.locator(".square[tabindex='0']").count() == 1


def test_keys_pass_over_what_is_filtered_out(show: Show) -> None:
    told = matrix.document()
    page = show(told).page
    first, _, third = (toolchain["id"] for toolchain in told["toolchains"][:3])
    _pick(page, "Toolchain", first, third)
    page.locator(".square:visible").first.focus()
    page.keyboard.press("ArrowRight")
    assert _focused(page).startswith(f"digits.h5, {third}: ")


def test_everything_is_reached_with_the_tab_key(show: Show) -> None:
    page = show(matrix.document()).page
    wanted = page.locator("select, summary, .filters input:visible, .plain:visible").count() + 1
    reached = set()
    for _ in range(wanted):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)")
        )
    assert len(reached) == wanted
    assert page.evaluate("document.activeElement.className").startswith("square")


@pytest.mark.parametrize(
    ("facet", "name"), [("writer", "keras 2.1.6"), ("strategy", "builder"), ("serving", "2.2")]
)
def test_a_filter_leaves_the_cells_that_it_means(show: Show, facet: str, name: str) -> None:
    told = matrix.document()
    page = show(told).page
    _says(page, told, lambda cell: True)
    _pick(page, facet.capitalize(), name)
    _says(page, told, lambda cell: bool(cell[facet] == name))


def test_files_are_found_by_a_part_of_their_name(show: Show) -> None:
    told = matrix.document()
    page = show(told).page
    page.get_by_label("File name").fill("RU.h")
    _says(page, told, lambda cell: bool(cell["file"] == "gru.h5"))
    assert page.locator("tbody th:visible").all_inner_texts() == ["keras 2.1.6", "gru.h5"]


def test_choices_of_one_filter_add_up_and_filters_narrow_each_other(show: Show) -> None:
    told = matrix.document()
    page = show(told).page
    ids = [toolchain["id"] for toolchain in told["toolchains"][:2]]
    _pick(page, "Toolchain", *ids)
    page.get_by_role("group", name="Outcome").get_by_label("pass").check()
    _says(page, told, lambda cell: cell["toolchain"] in ids and cell["kind"] == "pass")
    assert page.locator("thead th:visible").all_inner_texts()[1:] == ids
    assert set(page.locator(".square:visible").all_inner_texts()) == {"✓"}


def test_reset_leads_back_to_everything(show: Show) -> None:
    told = matrix.document()
    page = show(told).page
    _pick(page, "Writer", "keras 2.3.1")
    page.get_by_label("File name").fill("no such file")
    expect(page.get_by_text("No cell is like that.")).to_be_visible()
    page.get_by_role("button", name="Reset").click()
    _says(page, told, lambda cell: True)
    assert page.locator(".square:visible").count() == 20


def test_a_link_restores_the_view(show: Show) -> None:
    told = matrix.document()
    page = show(told).page
    _pick(page, "Serving", "1.15", "2.2")
    page.get_by_role("group", name="Outcome").get_by_label("failed").check()
    page.get_by_label("File name").fill("n")
    count = page.locator(".status").inner_text()
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator(".status")).to_have_text(count)
    expect(page.get_by_label("File name")).to_have_value("n")
    expect(page.locator(".choice summary", has_text="Serving")).to_contain_text("2 chosen")
    page.evaluate("location.hash = '#writer=keras+2.1.6&writer=nobody&toString=1'")
    _says(page, told, lambda cell: bool(cell["writer"] == "keras 2.1.6"))


def test_the_panel_tells_which_cells_the_filters_left(show: Show) -> None:
    page = show(matrix.document(["one.h5"], toolchains=1)).page
    _pick(page, "Strategy", "builder")
    page.locator(".square").click()
    expect(page.get_by_role("dialog")).to_contain_text("3 of these 6 cells")
    assert page.locator("dialog .outside").count() == 3


def test_advice_is_one_sentence_for_a_writer_and_a_release(show: Show) -> None:
    told = matrix.document()
    page = show(told).page
    page.get_by_label("For a file by").select_option("keras 2.3.1")
    page.get_by_label("served by").select_option("2.15")
    expect(page.locator(".sentence")).to_have_text("Convert keras 2.3.1 for 2.15 by direct.")
    page.get_by_text("For every writer and release").click()
    assert page.locator(".advice tbody tr:visible").count() == len(told["advice"])


def test_without_advice_there_is_no_such_section(show: Show) -> None:
    told = matrix.document()
    del told["advice"]
    assert show(told).page.get_by_role("heading", name="What to do").count() == 0


def test_a_run_that_measured_nothing_has_a_page(show: Show) -> None:
    found = show(matrix.document([], toolchains=1))
    expect(found.page.get_by_text("No cell is like that.")).to_be_visible()
    assert found.said == []


def test_texts_of_strangers_stay_texts(show: Show) -> None:
    told = matrix.document(HOSTILE, toolchains=1)
    for cell in told["cells"]:
        cell |= {"kind": "failed", **dict.fromkeys(("line", "log", "issue"), cell["file"])}
    found = show(told)
    panel = found.page.get_by_role("dialog")
    for name in HOSTILE:
        _square(found.page, escaped(name), told["toolchains"][0]["id"]).click()
        assert panel.locator("h2").text_content() == escaped(name)
        assert panel.locator(".line").text_content() == printable(name)
        assert escaped(name) in (panel.locator(".command").text_content() or "")
        found.page.keyboard.press("Escape")
    assert found.page.locator("img, iframe, script:not([id=data]):not(:last-child)").count() == 0
    assert found.page.title() == "Compatibility matrix – convert-h5"
    assert found.said == []
    assert found.requests == [found.page.url]


def test_markup_that_got_in_would_do_nothing(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "matrix.html"
    bad = "<script>document.title = 'owned'</script><img src='http://127.0.0.1:9/x'>"
    text = render(matrix.document()).replace("<main", f"{bad}<main")
    file.write_text(text, encoding="utf-8")
    with opened(browser, file, width=DESK) as found:
        assert found.page.title() == "Compatibility matrix – convert-h5"
        assert sum("Content Security Policy" in line for line in found.said) == 2


def test_figures_that_are_no_numbers_are_told(show: Show) -> None:
    told = matrix.document(["one.h5"], toolchains=1)
    told["cells"][0] |= {"kind": "wrong numbers", "max_abs": math.nan, "max_rel": math.inf}
    page = show(told).page
    page.locator(".square").click()
    page.get_by_role("button", name="builder, 1.15: wrong numbers").click()
    facts = _facts(page.locator("dialog dl"))
    assert (facts["Largest difference"], facts["… relative"]) == ("NaN", "∞")


def test_files_of_one_name_by_two_writers_are_two_rows(show: Show) -> None:
    told = matrix.document(["one.h5", "a", "two.h5"], toolchains=1)
    text = json.dumps(told).replace("two.h5", "one.h5")
    grid = show(json.loads(text)).page.get_by_role("grid")
    assert grid.locator("tbody th[scope=row]").all_inner_texts() == ["one.h5", "a", "one.h5"]


def test_a_cell_that_needs_no_toolchain_says_so(show: Show) -> None:
    told = matrix.document(["one.h5"], toolchains=1)
    told["toolchains"] = [{"id": "none", "tensorflow": "", "keras": {}}]
    for cell in told["cells"]:
        cell |= {"toolchain": "none", "keras": "", "loaded": "as data"}
    page = show(told).page
    _square(page, "one.h5", "no toolchain").click()
    assert _facts(page.locator("dialog dl"))["Converted in"] == "no toolchain"


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_only_the_grid_scrolls_sideways(show: Show, width: int) -> None:
    found = show(matrix.document(["long" * 30 + ".h5", *HOSTILE], toolchains=25), width)
    page = found.page
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for choice in page.locator(".choice summary").all():
        choice.click()
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator(".square").first.click()
    assert page.evaluate("document.querySelector('.panel').scrollWidth") <= width
    assert found.said == []


def test_on_a_phone_the_panel_fills_the_screen_and_can_be_used(show: Show) -> None:
    page = show(matrix.document(), PHONE).page
    page.locator(".square").first.click()
    box = page.get_by_role("dialog").bounding_box()
    assert box == {"x": 0, "y": 0, "width": PHONE, "height": 800}
    page.get_by_role("button", name="save_model, 2.15").click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=3)).to_contain_text("2.15")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_twenty_thousand_cells_are_filtered(show: Show) -> None:
    told = matrix.large()
    page = show(told).page
    assert len(told["cells"]) == 20_000
    _says(page, told, lambda cell: True)
    page.get_by_label("File name").fill("model-1")
    _pick(page, "Serving", "2.3")
    page.get_by_role("group", name="Outcome").get_by_label("wrong numbers").check()
    _says(
        page,
        told,
        lambda cell: (
            (cell["kind"], cell["serving"]) == ("wrong numbers", "2.3")
            and cell["file"].startswith("model-1")
        ),
    )


def test_what_is_told_many_times_is_stored_once() -> None:
    text = render(matrix.large())
    assert text.count("OP_REQUIRES") == 1
    assert len(text) < 1_000_000


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(dark: bool) -> None:
    style = resources.files("compat_matrix.page").joinpath("page.css").read_text("utf-8")
    light, _, rest = style.partition("@media (prefers-color-scheme: dark)")
    known = colours(rest if dark else light)
    tones = [kind.replace(" ", "-") for kind in KINDS]
    pairs = [(tone, f"{tone}-ground") for tone in tones]
    pairs += [
        (front, back) for front in ("ink", "soft", "link") for back in ("card", "page", "code")
    ]
    for front, back in pairs:
        assert contrast(known[front], known[back]) >= 4.5, (front, back)
    for back in ("card", "page"):
        assert contrast(known["edge"], known[back]) >= 3, back


def test_the_page_is_as_dark_as_the_reader_wants_it(show: Show) -> None:
    grounds = [
        show(matrix.document(), dark=dark).page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for dark in (False, True)
    ]
    assert grounds == ["rgb(246, 247, 249)", "rgb(18, 22, 28)"]


def test_without_scripts_the_page_points_at_the_files_beside_it(
    browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "matrix.html"
    file.write_text(render(matrix.document()), encoding="utf-8")
    page = browser.new_page(java_script_enabled=False)
    page.goto(file.as_uri())
    assert (
        page.locator("noscript p")
        .evaluate("e => e.textContent")
        .endswith("The same results are in matrix.csv and matrix.json beside it.")
    )
    assert page.locator("noscript p").is_visible()
    page.close()
