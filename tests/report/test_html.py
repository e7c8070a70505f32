"""The report as a page, in a real browser: the right figures, nothing that runs, any width."""

from __future__ import annotations

import dataclasses
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator

from converter.errors import SourceNotFound
from converter.report import commands, html, words
from converter.report.figures import has_figures
from converter.report.model import AttemptReport, Report
from converter.text import escaped
from converter.verdict.compare import Verdict
from testing import reports
from testing.browser import Opened, opened, running
from testing.contrast import colours, contrast

REPORTS: dict[str, Callable[[], Report]] = {
    function.__name__: function
    for function in (
        reports.published,
        reports.differing,
        reports.verified,
        reports.not_served,
        reports.hostile,
    )
}
PHONE, DESK = 400, 1280
Show = Callable[..., Opened]

# Whatever ends to the right of the window, unless it is in a box that scrolls by itself.
BEYOND_THE_WINDOW = """() => [...document.body.querySelectorAll('*')]
    .filter(e => !e.closest('.scroll, .log, details:not([open]) > :not(summary)'))
    .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
    .map(e => e.outerHTML.slice(0, 80))"""

OUTSIDE_THE_DRAWING = """drawings => drawings.flatMap(drawing => {
    const frame = drawing.getBoundingClientRect()
    return [...drawing.querySelectorAll('rect, text, line')]
        .map(part => [part.outerHTML, part.getBoundingClientRect()])
        .filter(([_, box]) => box.left < frame.left - 1 || box.right > frame.right + 1
            || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        .map(([text, _]) => text)
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of this process."""
    with running() as found:
        yield found


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Opens the page of a report."""
    with ExitStack() as pages:

        def opening(report: Report, width: int = DESK, *, dark: bool = False) -> Opened:
            file = tmp_path / f"{width}-{dark}.html"
            file.write_text(html.document(report), encoding="utf-8")
            return pages.enter_context(opened(browser, file, width=width, dark=dark))

        yield opening


def _open_all(found: Opened) -> None:
    found.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")


def _facts(of: Locator) -> dict[str, str]:
    """The names of a list and what they are."""
    names = of.locator("dt").all_inner_texts()
    return dict(zip(names, of.locator("dd").all_inner_texts(), strict=True))


def _rows(of: Locator) -> list[list[str]]:
    """The cells of rows, as they are seen."""
    cells: list[list[str]] = of.evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.innerText))"
    )
    return cells


def _section(found: Opened, title: str) -> Locator:
    return found.page.locator("section", has=found.page.get_by_role("heading", name=title))


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", REPORTS)
def test_a_page_is_quiet_and_as_wide_as_the_window(show: Show, name: str, width: int) -> None:
    found = show(REPORTS[name](), width)
    for _ in range(2):
        assert found.page.evaluate("document.documentElement.scrollWidth") == width
        assert found.page.evaluate(BEYOND_THE_WINDOW) == []
        _open_all(found)
    assert found.said == []
    assert found.requests == [found.page.url]


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_refers_to_nothing_outside_of_it(name: str) -> None:
    document = html.document(REPORTS[name]())
    assert set(re.findall(r"<(script|img|link|iframe|object|embed|form|base)\b", document)) == set()
    style = resources.files("converter.report.page").joinpath("style.css").read_text("utf-8")
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("name", REPORTS)
def test_links_lead_to_places_of_the_page(show: Show, name: str) -> None:
    found = show(REPORTS[name]())
    targets = [a.get_attribute("href") or "" for a in found.page.locator("[href]").all()]
    for target in targets:
        assert target.startswith("#")
        assert found.page.locator(f"[id='{target[1:]}']").count() == 1


@pytest.mark.parametrize(
    ("name", "ending", "title"),
    [
        ("published", "Proven and published", "Proven and published: digits-keras-2.1.6.h5"),
        ("differing", "The answers differ", "The answers differ: digits-keras-2.1.6.h5"),
        ("verified", "Verified", "Verified: digits-keras-2.1.6.h5"),
        ("not_served", "Not served", "Not served: digits-keras-2.1.6.h5"),
    ],
)
def test_the_ending_is_told_first(show: Show, name: str, ending: str, title: str) -> None:
    found = show(REPORTS[name]())
    assert found.page.get_by_role("heading", level=1).all_inner_texts()[0].endswith(ending)
    assert found.page.title() == f"{title} – convert-h5"


def test_a_page_tells_what_was_converted_by_what_and_how_it_was_asked(show: Show) -> None:
    report = reports.published()
    what, how = (
        _facts(card) for card in _section(show(report), "What was done").locator("dl").all()
    )
    assert what == {
        "Source": "digits-keras-2.1.6.h5",
        "sha256": report.sha256,
        "Written by": "keras 2.1.6 on tensorflow",
        "Inputs": "conv2d_1_input",
        "Outputs": "dense_2",
        "Converted by": "keras in tf1.12-keras2.1",
        "which loaded": "the file as it is",
        "Strategy": "builder",
        "Variables": "kept as variables",
        "Published as": "models/digits/3",
    }
    assert how == {
        "Served by": "local:1.14.0",
        "Asked over": "REST columnar, gRPC",
        "Batches": "0: conv2d_1_input float32[1, 28, 28, 1]\n"
        "1: conv2d_1_input float32[4, 28, 28, 1]",
        "Samples": "random within ±1, seed 0",
        "Reference": "keras in tf1.12-keras2.1",
        "Rule": "|a-b| <= 1e-05 + 0.0001*|b|",
        "Rounding alone": "moves an answer by 2.98e-08",
    }


def test_a_verification_names_the_saved_model_and_no_strategy(show: Show) -> None:
    found = show(reports.verified())
    what = _facts(_section(found, "What was done").locator("dl").first)
    assert what["SavedModel"] == "models/digits/3"
    assert "Strategy" not in what
    assert (
        _section(found, "The verification").locator("h3").inner_text() == "the SavedModel as it is"
    )


def _told(verdict: Verdict) -> list[str]:
    """A row of the table of comparisons."""
    figures = ["–"] * 4
    if has_figures(verdict):
        figures = [
            *map(words.figure, (verdict.max_abs, verdict.max_rel)),
            *map(words.tolerance, (verdict.atol_needed, verdict.rtol_needed)),
        ]
    return [
        verdict.check,
        words.protocol(verdict.protocol),
        str(verdict.batch),
        str(verdict.elements),
        *figures,
        "–" if verdict.top1 is None else words.share(verdict.top1),
        str(verdict.nans),
        verdict.problem or "passed",
    ]


@pytest.mark.parametrize("name", ["published", "differing", "verified"])
def test_every_comparison_is_told_with_its_figures(show: Show, name: str) -> None:
    report = REPORTS[name]()
    found = show(report)
    _open_all(found)
    for output in report.outputs:
        verdicts = [v for v in report.attempts[-1].verdicts if v.output == output]
        card = found.page.locator("article", has=found.page.get_by_text(output, exact=True))
        rows = card.get_by_role("region", name="Each comparison").locator("tbody tr")
        assert _rows(rows) == [_told(verdict) for verdict in verdicts]
        exact = rows.locator("data").evaluate_all("found => found.map(data => data.value)")
        assert [float(value) for value in exact] == [
            figure
            for v in verdicts
            for figure in (
                *((v.max_abs, v.max_rel, v.atol_needed, v.rtol_needed) if has_figures(v) else ()),
                *(() if v.top1 is None else (v.top1,)),
            )
        ]


@pytest.mark.parametrize("name", ["published", "differing"])
def test_an_output_is_told_by_its_worst_figures_against_the_reference(
    show: Show, name: str
) -> None:
    report = REPORTS[name]()
    output = report.outputs[-2:][0]
    verdicts = [
        v for v in report.attempts[-1].verdicts if (v.output, v.check) == (output, "answer")
    ]
    found = show(report)
    card = found.page.locator("article", has=found.page.get_by_text(output, exact=True))
    assert _facts(card.locator("dl")) == {
        "Largest |a−b|": words.figure(max(v.max_abs for v in verdicts)),
        "Largest |a−b|/|b|": words.figure(max(v.max_rel for v in verdicts)),
        "Smallest atol that passes, rtol as it is": words.tolerance(
            max(v.atol_needed for v in verdicts)
        ),
        "Smallest rtol that passes, atol as it is": words.tolerance(
            max(v.rtol_needed for v in verdicts)
        ),
        "Rows with the same largest element (top-1)": words.share(
            min(v.top1 for v in verdicts if v.top1 is not None)
        ),
        "NaN in the reference": "none",
        "Elements, over each protocol": str(
            sum(v.elements for v in verdicts if v.protocol == "grpc")
        ),
    }


def test_nan_in_the_same_places_are_counted_once_for_all_protocols(show: Show) -> None:
    found = show(reports.differing())
    card = found.page.locator("article", has=found.page.get_by_text("kept", exact=True))
    told = _facts(card.locator("dl"))["NaN in the reference"]
    assert told == "1, the answer's in the same places"


def test_what_did_not_pass_is_said_in_words_once_for_all_protocols(show: Show) -> None:
    found = show(reports.differing())
    card = found.page.locator("article", has=found.page.get_by_text("boxes", exact=True))
    over = "REST row, REST columnar, gRPC"
    assert card.locator("li").all_inner_texts() == [
        f"{over}, batch 0, against the reference: shape [1, 5] instead of [1, 6]",
        f"{over}, batch 1, against the reference: NaN in different places",
    ]


def test_the_table_of_checks_puts_protocols_with_the_same_figures_together(show: Show) -> None:
    found = show(reports.published())
    rows = found.page.get_by_role("region", name="The worst of each check").locator("tbody tr")
    assert [row[:3] for row in _rows(rows)] == [
        ["against the reference", "REST columnar, gRPC", "4 of 4"],
        ["against the same request over another protocol", "REST columnar", "2 of 2"],
        ["the same request again", "REST columnar, gRPC", "4 of 4"],
        ["a batch against its rows asked one by one", "REST columnar, gRPC", "2 of 2"],
    ]


def test_the_summary_has_the_figures_that_matter_most(show: Show) -> None:
    found = show(reports.differing())
    tiles = found.page.locator(".tile").all_inner_texts()
    assert [tile.splitlines()[:2] for tile in tiles] == [
        ["Comparisons passed", "45 of 57"],
        ["Largest difference", "0.209"],
        ["Top-1 agreement", "75 %"],
        ["Served by", "local:1.14.0"],
    ]


def test_several_outputs_have_an_overview_that_leads_to_each(show: Show) -> None:
    found = show(reports.differing())
    table = found.page.get_by_role("region", name="All outputs, against the reference")
    assert table.locator("tbody th").all_inner_texts() == ["boxes", "scores", "kept"]
    table.get_by_role("link", name="kept").click()
    reached = found.page.locator("article:target h3")
    assert reached.inner_text() == "Output kept"
    assert reached.is_visible()


def test_the_plot_has_a_bar_for_each_bin_that_is_not_empty_higher_for_more(show: Show) -> None:
    report = reports.published()
    found = show(report)
    verdicts = (
        [v for v in report.proof.verdicts if (v.check, v.protocol) == ("answer", "grpc")]
        if report.proof
        else []
    )
    counts = [sum(bins) for bins in zip(*(v.histogram for v in verdicts), strict=True)]
    told = [count for count in counts if count]
    assert sum(told) == 50
    bars = found.page.locator("svg .bar")
    heights = [float(bar.get_attribute("height") or "") for bar in bars.all()]
    assert len(heights) == len(told)
    for (less, low), (more, high) in pairwise(sorted(zip(told, heights, strict=True))):
        assert (less < more) == (low < high)
    _open_all(found)
    cells = found.page.locator("figure tbody td").all_inner_texts()
    assert cells == [str(count) for count in told]


def test_bars_and_labels_stay_inside_the_drawing(show: Show) -> None:
    found = show(reports.differing(), PHONE)
    drawings = found.page.locator("svg")
    assert drawings.count() == 2
    assert drawings.evaluate_all(OUTSIDE_THE_DRAWING) == []


def test_protocols_whose_answers_are_distributed_otherwise_have_a_plot_of_their_own(
    show: Show,
) -> None:
    report = reports.published()
    assert report.proof is not None
    expected = [reports.probabilities(4, 10)]
    got = [reports.off_by(expected[0], 1e-5)]
    report.proof.verdicts += reports.verdicts("dense_2", expected, got, ["rest row"])
    found = show(report)
    assert found.page.locator("figcaption").all_inner_texts() == [
        "How many elements differ by how much, over REST columnar, gRPC",
        "How many elements differ by how much, over REST row",
    ]


def test_attempts_are_told_in_order_with_outcome_and_reason(show: Show) -> None:
    report = reports.published()
    found = show(report)
    cards = _section(found, "The attempts").locator("article")
    first, second = cards.all()
    assert first.locator(".head").inner_text().split("\n") == [
        "1. contrib",
        "not converted",
        "3.2 s",
    ]
    assert report.attempts[0].error in first.inner_text()
    assert second.locator(".head").inner_text().split("\n") == ["2. builder", "published", "12.3 s"]
    assert "Not asked over REST row: the outputs have different numbers of rows" in (
        second.inner_text()
    )


def test_answers_of_an_attempt_that_another_made_up_for_are_told_with_it(show: Show) -> None:
    report = reports.published()
    report.attempts[0] = reports.differing().attempts[0]
    found = show(report)
    first = _section(found, "The attempts").locator("article").first
    first.get_by_text("57 comparisons, 45 passed").click()
    over = "REST row, REST columnar, gRPC"
    told = f"boxes: {over}, batch 1, against the reference: NaN in different places"
    assert told in first.locator("li").all_inner_texts()
    assert _section(found, "The answers").locator("h3").all_inner_texts() == ["Output dense_2"]


def test_an_error_is_told_with_what_to_do_its_id_and_its_exit_code(show: Show) -> None:
    found = show(Report(Path("m.h5"), error=SourceNotFound("No m.h5", why="a typo", fix="Look")))
    told = _section(found, "What went wrong").inner_text()
    assert re.split(r"\n+", told)[1:] == [
        "No m.h5.",
        "a typo.",
        "What to do: Look.",
        "Error source-not-found, exit code 3",
    ]
    assert found.page.get_by_role("heading", level=2).all_inner_texts() == [
        *("What went wrong", "What was done", "Reproduce it")
    ]


def test_plan_and_notes_are_told(show: Show) -> None:
    report = reports.published()
    told = _section(show(report), "Plan and notes").locator("li").all_inner_texts()
    assert told == report.plan + report.notes


def test_what_was_published_without_proof_is_said_to_be_so(show: Show) -> None:
    attempt = AttemptReport("builder", "keras in tf2.15", frozen=False, outcome="published")
    report = dataclasses.replace(reports.published(), attempts=[attempt], serving="none")
    found = show(report)
    assert "Published without proof" in found.page.locator("h1").inner_text()
    assert "not compared" in found.page.locator("header").inner_text()
    assert found.page.locator(".tile").count() == 0


def test_commands_are_shown_and_one_click_selects_one_of_them(show: Show) -> None:
    report = reports.published()
    found = show(report, PHONE)
    wanted = [" ".join(command.words) for command in commands.commands(report)]
    shown = found.page.locator(".command")
    assert shown.all_text_contents() == wanted
    shown.nth(2).click()
    assert found.page.evaluate("getSelection().toString()").strip() == wanted[2]


def test_a_log_is_folded_and_opens_by_keyboard(show: Show) -> None:
    found = show(reports.published())
    log = found.page.get_by_role("region", name="Log of attempt 1")
    assert not log.is_visible()
    folded = "Log of attempt 1: the last 6 lines"
    for _ in range(40):
        found.page.keyboard.press("Tab")
        if found.page.evaluate("document.activeElement.textContent") == folded:
            break
    found.page.keyboard.press("Enter")
    assert log.is_visible()
    assert log.inner_text() == reports.LOG.rstrip("\n")
    found.page.keyboard.press("Tab")  # on to the log itself, which scrolls
    assert found.page.evaluate("document.activeElement.className") == "log"


def test_everything_that_opens_or_scrolls_is_reached_by_keyboard(show: Show) -> None:
    found = show(reports.differing())
    wanted = found.page.locator("summary:visible, .scroll:visible, a:visible").count()
    reached = set()
    for _ in range(wanted):
        found.page.keyboard.press("Tab")
        reached.add(
            found.page.evaluate(
                "[...document.querySelectorAll('*')].indexOf(document.activeElement)"
            )
        )
    assert len(reached) == wanted


def test_hostile_names_are_shown_as_text(show: Show) -> None:
    report = reports.hostile()
    found = show(report)
    _open_all(found)
    shown = found.page.locator("body").inner_text()
    for name in reports.HOSTILE:
        assert escaped(name) in shown
    assert escaped(str(report.source)) in shown
    assert found.page.locator("script, img, iframe, b").count() == 0
    assert "owned" not in found.page.title().replace(escaped(report.source.name), "")


@pytest.mark.parametrize(
    "markup",
    [
        "<script>document.title = 'owned'</script>",
        "<script src='URL/x.js'></script>",
        "<img src=x onerror=\"document.title = 'owned'\">",
        "<style>body { display: none }</style>",
        "<img src='URL/x.png'>",
        "<iframe srcdoc=\"<script>parent.document.title = 'owned'</script>\"></iframe>",
        "<link rel=stylesheet href='URL/x.css'>",
    ],
    ids=["script", "script from elsewhere", "handler", "style", "image", "frame", "style sheet"],
)
def test_even_markup_that_got_in_would_do_nothing(
    browser: Browser, tmp_path: Path, markup: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        markup = markup.replace("URL", f"http://127.0.0.1:{elsewhere.getsockname()[1]}")
        file = tmp_path / "page.html"
        document = html.document(reports.published())
        file.write_text(document.replace("<main>", f"<main>{markup}"), encoding="utf-8")
        with opened(browser, file, width=DESK) as found:
            assert found.page.title().startswith("Proven")
            assert found.page.locator("body").is_visible()
            assert any("Content Security Policy" in line for line in found.said)
        with pytest.raises(BlockingIOError):  # nobody came
            elsewhere.accept()


@pytest.mark.parametrize("name", REPORTS)
def test_headings_tables_and_drawings_can_be_found_without_seeing_them(
    show: Show, name: str
) -> None:
    found = show(REPORTS[name]())
    _open_all(found)
    page = found.page
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(set(ids)) == len(ids)
    for table in page.locator("table").all():
        assert table.locator("caption").inner_text()
        assert table.locator("thead th:not([scope=col])").count() == 0
        assert table.locator("tbody th[scope=row]").count() == table.locator("tbody tr").count()
    drawings = page.get_by_role("img", name=re.compile(r"Differences of .*elements?: "))
    assert drawings.count() == page.locator("svg").count()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("main").count() == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_and_bars_stand_out_from_what_is_behind_them(dark: bool) -> None:
    style = resources.files("converter.report.page").joinpath("style.css").read_text("utf-8")
    light, _, rest = style.partition("@media (prefers-color-scheme: dark)")
    known = colours(rest if dark else light)
    text = ("ink", "soft", "link", "good", "fair", "bad", "mark")
    pairs = [(front, back) for front in text for back in ("card", "page")]
    pairs += [(tone, f"{tone}-tint") for tone in ("good", "fair", "bad")] + [("ink", "code")]
    for front, back in pairs:
        assert contrast(known[front], known[back]) >= 4.5, (front, back)
    for bar in ("bar", "bar-equal"):
        assert contrast(known[bar], known["card"]) >= 2.8, bar


def test_the_page_is_as_dark_as_the_reader_wants_it(show: Show) -> None:
    grounds = [
        show(reports.published(), dark=dark).page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for dark in (False, True)
    ]
    assert grounds == ["rgb(246, 247, 249)", "rgb(18, 22, 28)"]
