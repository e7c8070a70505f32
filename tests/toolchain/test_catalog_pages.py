"""tox.ini, the documents and the catalog agree."""

from __future__ import annotations

import configparser

import pytest

from converter.toolchain import catalog
from scripts import catalog_pages


@pytest.mark.parametrize("name", catalog_pages.PARTS)
def test_the_page_says_what_the_catalog_says(name: str) -> None:
    """If not: run scripts/catalog_pages.py."""
    assert (catalog_pages.ROOT / name).read_text(encoding="utf-8") == catalog_pages.renewed(name)


def test_tox_has_an_environment_for_each_tensorflow_with_all_its_toolchains() -> None:
    parser = configparser.ConfigParser()
    parser.read(catalog_pages.ROOT / "tox.ini")
    (section,) = [name for name in parser.sections() if name.startswith("testenv:tf{")]
    told = dict(
        line.split(": TOOLCHAINS = ") for line in parser[section]["set_env"].split("\n")[1:]
    )
    assert section == f"testenv:tf{{{','.join(name[2:] for name in told)}}}"
    for name, found in catalog_pages.environments().items():
        assert catalog.matching(told[name]) == found
    assert {"tf112", "tf114", "tf115", "tf20", "tf221"} <= set(told)
