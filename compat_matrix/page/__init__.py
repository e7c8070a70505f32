"""The results as one page that needs nothing else: no network, no font of its own, no build step.

What a page shows may have been written by strangers: names of files, lines and logs of failures. It
is here as data, in an element that no text can end, and the script only ever makes text of it. A
policy in the page forbids every script and style but ours, and all of the network.
"""

from __future__ import annotations

import base64
import hashlib
import json
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import datetime, timezone
from importlib import resources
from typing import Any

from compat_matrix.page.packed import KINDS, pack
from converter.report import words
from converter.report.markup import node

TITLE = "Compatibility matrix"

# In this order they are one script.
SCRIPTS = ("data.js", "filters.js", "grid.js", "evidence.js", "page.js")

NO_SCRIPT = (
    "This page needs JavaScript to filter and to show its evidence. The same results are in "
    "matrix.csv and matrix.json beside it."
)
MEANINGS = {
    "pass": "served, and equal to the reference over REST rows, REST columns and gRPC",
    "refused": "not tried, for the reason given",
    "known issue": "failed for a cause that is listed in docs/known-issues.md",
    "wrong numbers": "served, and different from the reference",
    "failed": "failed for a cause that is not known",
}


def render(document: dict[str, Any]) -> str:
    """The whole page of a document of the schema `convert-h5/matrix/1`."""
    data = node("script", id="data", type="application/json")
    data.text = _inert(pack(document))
    script = node("script")
    script.text = _script()
    body = node(
        "body",
        node("div", _masthead(document), _main(), _footer(document), class_="page"),
        data,
        script,
    )
    page = node("html", _head(script.text), body, lang="en")
    return "<!DOCTYPE html>\n" + ET.tostring(page, encoding="unicode", method="html") + "\n"


def _inert(data: dict[str, Any]) -> str:
    """`data` as JSON in ASCII that nothing in it can end: neither a tag nor a line of a script."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _script() -> str:
    parts = "\n".join(map(_ours, SCRIPTS))
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


def _ours(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text("utf-8")


def _head(script: str) -> ET.Element:
    style = node("style")
    style.text = _ours("page.css")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style.text)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return node(
        "head",
        node("meta", charset="utf-8"),
        node("meta", http_equiv="Content-Security-Policy", content=policy),
        node("meta", name="viewport", content="width=device-width, initial-scale=1"),
        node("meta", name="referrer", content="no-referrer"),
        node("title", f"{TITLE} – convert-h5"),
        style,
    )


def _digest(text: str) -> str:
    """What a policy calls a script or a style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _masthead(document: dict[str, Any]) -> ET.Element:
    cells = document["cells"]
    counts = Counter(cell["kind"] for cell in cells)
    of_kinds = ", ".join(f"{counts[kind]:,} {kind}" for kind in reversed(KINDS) if counts[kind])
    sizes = (
        words.count(len(document["files"]), "file"),
        words.count(len(document["toolchains"]), "toolchain"),
        words.count(len(document["servings"]), "serving release"),
    )
    return node(
        "header",
        node(
            "p",
            f"convert-h5 {document['convert_h5']} · {_day(document['finished'])}",
            class_="kicker",
        ),
        node("h1", TITLE),
        node(
            "p",
            f"{words.count(len(cells), 'cell')}: {of_kinds or 'nothing measured'}.",
            class_="lead",
        ),
        node("p", f"{', '.join(sizes)}; a number is right when {document['rule']}.", class_="soft"),
    )


def _day(finished: str) -> str:
    """When the run ended, for people; as it is told where it is no date."""
    try:
        when = datetime.fromisoformat(finished).astimezone(timezone.utc)
    except ValueError:
        return finished
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _main() -> ET.Element:
    """What the script fills."""
    return node("main", node("noscript", node("p", NO_SCRIPT, class_="card")), id="main")


def _footer(document: dict[str, Any]) -> ET.Element:
    meanings = [
        part for kind in KINDS for part in (node("dt", kind), node("dd", f"{MEANINGS[kind]}."))
    ]
    told = (
        "a is an element of the answer and b of the reference. It is right when "
        f"{document['rule']}; NaN equals NaN, and an infinity equals the same infinity."
    )
    return node(
        "footer",
        node("h2", "What the outcomes mean"),
        node("dl", *meanings, class_="facts"),
        node("p", told),
    )
