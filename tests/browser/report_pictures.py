"""The pictures of docs/simulation.md: `python -m tests.browser.report_pictures report.html` makes
them anew, of what `heliograph sim population run edge-restart --users 200000 --html report.html`
has written."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.integration.running import ROOT

FOLDER = ROOT / "docs" / "pictures"
WIDTH = 1280
COLOURS = 128
SECTIONS = {"machines-light": 0, "people-dark": 1}
"""What is shown of the report, and how: names of pictures, which end with the theme."""


def make(browser: Browser, report: Path) -> None:
    for name, section in SECTIONS.items():
        theme = "dark" if name.endswith("dark") else "light"
        context = browser.new_context(
            viewport={"width": WIDTH, "height": 900}, color_scheme=theme, reduced_motion="reduce"
        )
        page = context.new_page()
        page.goto(report.resolve().as_uri())
        box = page.locator("section").nth(section).bounding_box()
        assert box is not None
        top = 0 if section == 0 else box["y"] - 16
        bottom = box["y"] + box["height"] + 24
        clip = {"x": 0.0, "y": top, "width": float(WIDTH), "height": bottom - top}
        picture = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip)))  # type: ignore[arg-type]
        few = picture.convert("RGB").quantize(COLOURS)
        few.save(FOLDER / f"population-{name}.png", optimize=True)
        context.close()


if __name__ == "__main__":
    with chromium.running() as browser:
        make(browser, Path(sys.argv[1]))
