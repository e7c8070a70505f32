"""Trees of elements for the formats in markup: text put into one can never become markup.

Everything that is told may come from a file of a stranger. It is only ever the text or an attribute
of an element, and the serializer of the standard library escapes both; characters that XML forbids
or that a reader cannot see (control characters, lone surrogates, changes of direction) are shown
as escapes.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable

from converter.text import escaped

Child = ET.Element | str


def node(tag: str, *children: Child, **attributes: str) -> ET.Element:
    """An element with its children in order.

    attributes: by name, with `_` for `-` and an underscore added to Python's own words (`class_`).
    """
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    element = ET.Element(tag, {names[k]: escaped(v) for k, v in attributes.items()})
    return fill(element, children)


def fill(element: ET.Element, children: Iterable[Child]) -> ET.Element:
    """`element` with more children at its end."""
    for child in children:
        if isinstance(child, ET.Element):
            element.append(child)
        elif len(element):
            element[-1].tail = (element[-1].tail or "") + escaped(child)
        else:
            element.text = (element.text or "") + escaped(child)
    return element


def multiline(tag: str, text: str, **attributes: str) -> ET.Element:
    """An element with `text` as it is, line for line."""
    element = node(tag, **attributes)
    element.text = "\n".join(escaped(line.expandtabs()) for line in text.splitlines())
    return element
