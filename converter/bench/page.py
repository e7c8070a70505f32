"""The results as one page that needs nothing else: no network, no script, the plots inside it."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

from converter.bench.crossover import kilobytes
from converter.bench.document import PARTS, QUANTILES
from converter.bench.plots import TITLES, Drawn
from converter.report import words
from converter.report.markup import Child, node
from converter.report.page import blocks, frame
from converter.report.page.blocks import Column

Document = dict[str, Any]
TITLE = "HTTP against gRPC"
NO_PLOTS = "Install convert-h5[plots] for the plots; every figure of theirs is in the tables."
COLUMNS = (
    Column("way", text=True),
    Column("connection", text=True),
    *(Column(f"{name} ms") for name in QUANTILES),
    Column("p50 lies in"),
    *(Column(f"{part} ms") for part in ("encode", "wire and server", "decode")),
    Column("calls/s"),
    Column("sent"),
    Column("received"),
)


def render(document: Document, drawn: Drawn) -> str:
    """The whole page of a document of the schema `convert-h5/bench/1`."""
    return frame.render(
        f"{TITLE}: {document['target']['model']}",
        _masthead(document),
        node("main", *_sections(document, drawn)),
        _footer(),
        images=True,
    )


def _masthead(document: Document) -> ET.Element:
    return node(
        "header",
        node("p", f"convert-h5 {document['convert_h5']} · {document['finished']}", class_="kicker"),
        node("h1", TITLE),
        node("p", document["crossover"]["sentence"], class_="lead"),
        class_="masthead good",
    )


def _sections(document: Document, drawn: Drawn) -> Iterator[ET.Element]:
    for name, images in drawn.items():
        address = "data:image/svg+xml;base64," + base64.b64encode(images["svg"]).decode()
        image = node("img", src=address, alt=f"{TITLES[name]}. Its figures are in the tables.")
        yield _section(TITLES[name], node("figure", image, class_="card drawing"))
    if not drawn:
        yield _section("Plots", node("p", NO_PLOTS, class_="card"))
    yield _section("The figures", *_tables(document))
    if "baseline" in document:
        yield _section("Against the baseline", _baseline(document["baseline"]))
    left_out = [f"{entry['way']}: {entry['why']}" for entry in document["skipped"]]
    told = [*left_out, *document["notes"]]
    if told:
        items = [node("li", text) for text in told]
        yield _section("Left out, and notes", node("ul", *items, class_="card"))
    yield _section("What was measured", _facts(document))


def _section(title: str, *children: ET.Element) -> ET.Element:
    return node("section", node("h2", title), *children)


def _tables(document: Document) -> Iterator[ET.Element]:
    """A table for each number of rows and of callers."""
    groups = dict.fromkeys((c["concurrency"], c["batch"]) for c in document["cases"])
    for concurrency, batch in groups:
        held = [
            case
            for case in document["cases"]
            if (case["concurrency"], case["batch"]) == (concurrency, batch)
        ]
        size = kilobytes(held[0]["payload_bytes"])
        caption = f"{words.count(batch, 'row')} ({size}), {concurrency} at once"
        yield blocks.table(caption, COLUMNS, map(_row, held))


def _row(case: dict[str, Any]) -> list[Child]:
    latency, split = case["latency_ms"], case["split_ms"]
    median = latency["p50"]
    bounds = [("?" if b is None else f"{b:.3f}") for b in (median["low"], median["high"])]
    return [
        case["way"],
        case["connection"],
        *(_ms(latency[name]["value"]) for name in QUANTILES),
        " – ".join(bounds),
        *(_ms(split[part]) for part in PARTS),
        f"{case['calls_per_second']:,.1f}",
        *(_bytes(case[which]) for which in ("sent_bytes", "received_bytes")),
    ]


def _ms(value: float) -> ET.Element:
    return node("data", f"{value:,.3f}", value=repr(value))


def _bytes(count: int | None) -> Child:
    return "–" if count is None else node("data", kilobytes(count), value=str(count))


def _baseline(compared: dict[str, Any]) -> ET.Element:
    columns = [Column("way", text=True), Column("rows"), Column("at once"), Column("then ms")]
    columns += [Column("now ms"), Column("change"), Column("outcome", text=True)]
    rows: list[list[Child]] = [
        [
            entry["way"],
            str(entry["batch"]),
            str(entry["concurrency"]),
            _ms(entry["old_ms"]),
            _ms(entry["new_ms"]),
            f"{100 * entry['change']:+.0f} %",
            entry["outcome"],
        ]
        for entry in compared["cases"]
    ]
    return blocks.table(f"{100 * compared['threshold']:g} % is let pass", columns, rows)


def _facts(document: Document) -> ET.Element:
    target, settings, machine = (document[k] for k in ("target", "settings", "machine"))
    used = dict.fromkeys(case["way"] for case in document["cases"])
    pairs: list[tuple[str, list[Child]]] = [
        ("model", [f"{target['model']}, version {target['version']}"]),
        ("served by", [target["served_by"]]),
        ("signature", [target["signature"]]),
        ("inputs", [_specs(target["inputs"])]),
        ("outputs", [_specs(target["outputs"])]),
        ("rounds", [f"{settings['rounds']} of {settings['calls']} calls, interleaved"]),
        ("warm-up", [f"{settings['warmup']} calls of each case"]),
        ("equal is", [settings["rule"]]),
        ("intervals", [f"{100 * settings['confidence']:g} % by order statistics"]),
        ("machine", [f"{machine['cpus']} processors, {machine['platform']}"]),
        ("load average before", [f"{machine['load']:g}"]),
        ("client", [f"Python {machine['python']}"]),
        *((way, [document["ways"][way]["about"]]) for way in used),
    ]
    return node("div", blocks.facts(pairs), class_="card")


def _specs(specs: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {spec['dtype']} {spec['shape']}" for key, spec in specs.items())


def _footer() -> ET.Element:
    told = (
        "A call is encoded, sent and waited for, and decoded; the three are timed apart. Every"
        " answer was held against the first to the same inputs. Bytes are those on the wire, all"
        " headers and framing with them, counted by a relay outside of what is timed."
    )
    return node("footer", node("p", told))
