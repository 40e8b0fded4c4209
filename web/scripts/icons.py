"""Draws the icons of web/public from icon.svg, with the browser that tests use. Run it after a
change of the drawing, and commit what it made:

    .venv/bin/python web/scripts/icons.py
"""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).resolve().parent
PUBLIC = HERE.parent / "public"
ROUND = (32, 192, 512)
"""Shown as they are. Of the others the system cuts the corners."""
WHOLE = (180, 512)


def main() -> None:
    drawing = (HERE / "icon.svg").read_text()
    (PUBLIC / "favicon.svg").write_text(_cut(drawing))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for pixels in ROUND:
            _render(browser, _cut(drawing), pixels, f"{pixels}.png")
        for pixels in WHOLE:
            _render(browser, drawing, pixels, f"{pixels}-whole.png")
        browser.close()


def _render(browser: Browser, drawing: str, pixels: int, name: str) -> None:
    page = browser.new_page(viewport={"width": pixels, "height": pixels})
    sized = drawing.replace("<svg ", f"<svg width={pixels} ")
    page.set_content(f"<style>*{{margin:0}}svg{{display:block}}</style>{sized}")
    drawn = Image.open(io.BytesIO(page.screenshot(omit_background=True)))
    drawn.save(PUBLIC / "icons" / name, optimize=True)


def _cut(drawing: str) -> str:
    cut = '<clipPath id="cut"><rect width="512" height="512" rx="112" /></clipPath>\n  </defs>'
    return drawing.replace("</defs>", f'  {cut}\n  <g clip-path="url(#cut)">').replace(
        "</svg>", "  </g>\n</svg>"
    )


if __name__ == "__main__":
    main()
