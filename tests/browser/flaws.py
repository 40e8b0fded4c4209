"""What is wrong with what a page shows now, one line each."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.integration.running import ROOT

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def axe(page: Page, within: str = "html") -> list[str]:
    """What axe finds wrong with what is shown now, one line each. Not with a tooltip, which may
    come in the middle of the look, half faded in."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text() + ";0")
    found = page.evaluate(
        """([within, values]) => axe.run({include: [[within]], exclude: [['.tooltip']]},
          {runOnly: {type: 'tag', values}, resultTypes: ['violations']})""",
        [within, list(AXE_TAGS)],
    )
    return [
        f"{violation['id']}: {violation['help']}: {node['target']} {node['html'][:200]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


HANGING = """() => [...document.querySelectorAll('html, body *')]
  .filter(each => each.scrollWidth > each.clientWidth + 1
    && each.checkVisibility({visibilityProperty: true})
    && (each.localName === 'html' || /auto|scroll/.test(getComputedStyle(each).overflowX)))
  .map(each => each.className || each.localName)"""
"""What can be scrolled to the side, which nothing shall be."""


def hanging(page: Page) -> list[str]:
    """In what something hangs out at the side."""
    found: list[str] = page.evaluate(HANGING)
    return found


ASTRAY = """() => [...document.querySelectorAll(':placeholder-shown')]
  .filter(each => getComputedStyle(each).direction !== getComputedStyle(document.body).direction
    && each.getAttribute('dir') !== 'ltr')
  .map(each => each.getAttribute('aria-label'))"""


def astray(page: Page) -> list[str]:
    """Which empty boxes run against the page."""
    found: list[str] = page.evaluate(ASTRAY)
    return found


CUT_OFF = """() => [...document.querySelectorAll('.chat-status')]
  .filter(each => each.scrollWidth > each.clientWidth && each.checkVisibility())
  .map(each => each.innerText)"""
"""What is short enough for the narrowest page, unlike names and what people write."""


def cut_off(page: Page) -> list[str]:
    """Words of ours that do not fit."""
    found: list[str] = page.evaluate(CUT_OFF)
    return found


USED = (
    *(
        "button",
        "link",
        "textbox",
        "searchbox",
        "combobox",
        "checkbox",
        "radio",
        "switch",
        "slider",
    ),
    *("menuitem", "menuitemradio", "tab", "option", "Date"),
)


def nameless(page: Page) -> list[str]:
    """What can be used and is called nothing, as far as the accessibility tree knows."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        str(node["role"]["value"])
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] in USED
        and any(
            each["name"] == "focusable" and each["value"]["value"] for each in node["properties"]
        )
        and not node.get("name", {}).get("value")
    ]
