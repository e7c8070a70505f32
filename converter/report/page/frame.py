"""What every page of ours has around its body: one file, no network, no script.

A policy in the page forbids everything but its own style sheet, so that even a mistake in here
could not make a browser run or fetch what a file says.
"""

from __future__ import annotations

import base64
import hashlib
import xml.etree.ElementTree as ET
from importlib import resources

from converter.report.markup import node


def render(title: str, *children: ET.Element, images: bool = False) -> str:
    """The whole page. images: allow those that the page itself holds (`data:` addresses)."""
    body = node("body", node("div", *children, class_="page"))
    page = node("html", _head(title, images=images), body, lang="en")
    return "<!DOCTYPE html>\n" + ET.tostring(page, encoding="unicode", method="html") + "\n"


def _head(title: str, *, images: bool) -> ET.Element:
    style = node("style")
    # The one text that the serializer does not escape: it is ours.
    style.text = resources.files("converter.report.page").joinpath("style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return node(
        "head",
        node("meta", charset="utf-8"),
        node(
            "meta",
            http_equiv="Content-Security-Policy",
            content=policy + ("; img-src data:" if images else ""),
        ),
        node("meta", name="viewport", content="width=device-width, initial-scale=1"),
        node("meta", name="referrer", content="no-referrer"),
        node("title", f"{title} – convert-h5"),
        style,
    )
