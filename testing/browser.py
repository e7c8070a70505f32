"""A real browser for tests of pages: the system's Chromium, without a window."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from testing import debian
from testing.toolchains import under_ci

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = ("chromium", "fonts-dejavu-core")


@contextlib.contextmanager
def running() -> Iterator[Browser]:
    """A browser for as long as entered; where there is none, a skip, or a failure under CI."""
    program = _program()
    if program is None and debian.may_install():
        debian.install(*PACKAGES)
        program = _program()
    if program is None:
        reason = "no Chromium here; Debian's package is called chromium"
        if under_ci():
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        try:
            yield browser
        finally:
            browser.close()


def _program() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@dataclass
class Opened:
    """A page that was opened, what it said on its console and what it asked the network for."""

    page: Page
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextlib.contextmanager
def opened(browser: Browser, file: Path, *, width: int, dark: bool = False) -> Iterator[Opened]:
    """`file` in a window of this width, in pixels."""
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light"
    )
    found = Opened(page)
    page.on("console", lambda message: found.said.append(message.text))
    page.on("pageerror", lambda error: found.said.append(str(error)))
    page.on("request", lambda request: found.requests.append(request.url))
    try:
        page.goto(file.as_uri())
        yield found
    finally:
        page.close()
