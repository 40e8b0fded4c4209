"""What tests do inside of a page, where no person's hand reaches: look closely, and play the
surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from tests.integration.running import ROOT

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def axe(page: Page) -> list[str]:
    """What axe finds wrong with what is shown now, one line each."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text() + ";0")
    found = page.evaluate(
        "values => axe.run({runOnly: {type: 'tag', values}, resultTypes: ['violations']})",
        list(AXE_TAGS),
    )
    return [
        f"{violation['id']}: {violation['help']}: {node['target']} {node['html'][:200]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


SET_VISIBILITY = """state => {
  Object.defineProperty(document, 'visibilityState', {get: () => state, configurable: true});
  Object.defineProperty(document, 'hidden', {get: () => state === 'hidden', configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def hide(page: Page) -> None:
    """As a tab behind another one: a browser without a window has all of them in front."""
    page.evaluate(SET_VISIBILITY, "hidden")
    page.evaluate("() => dispatchEvent(new Event('blur'))")


def show(page: Page) -> None:
    page.evaluate(SET_VISIBILITY, "visible")
    page.evaluate("() => dispatchEvent(new Event('focus'))")


def has_focus(page: Page, focused: bool) -> None:
    """Whether the window is the one that is typed into, which `document.hasFocus` says."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setFocusEmulationEnabled", {"enabled": focused})
    session.detach()
    page.evaluate("name => dispatchEvent(new Event(name))", "focus" if focused else "blur")


WATCH = """element => {
  const key = element.getAttribute('data-id') ?? element.id;
  const text = element.innerText;
  const find = () => element.isConnected ? element
    : [...document.querySelectorAll('[role=log] article, [role=log] [role=article]')]
        .find(each => each.innerText === text);
  const tops = [];
  let ended = false;
  const look = () => {
    const now = find();
    tops.push(now ? now.getBoundingClientRect().top : null);
    if (!ended) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  const twoFrames = then => requestAnimationFrame(() => requestAnimationFrame(then));
  window.__watched = () => new Promise(done => twoFrames(() => { ended = true; done(tops); }));
}"""


@dataclass
class Watch:
    """Where an element is, in every frame from when it is made to `moved`."""

    page: Page

    @classmethod
    def of(cls, element: Locator) -> Watch:
        element.evaluate(WATCH)
        return cls(element.page)

    def moved(self) -> float:
        """By how many pixels at most, away from where it was; it has always been there."""
        tops: list[float | None] = self.page.evaluate("() => window.__watched()")
        assert len(tops) > 1, "no frame was shown"
        there = [top for top in tops if top is not None]
        assert len(there) == len(tops), "it was gone for a moment"
        return max(abs(top - there[0]) for top in there)


def counts(page: Page) -> dict[str, float]:
    """Nodes, listeners and heap, after what is not used any more has been collected."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    for _ in range(2):  # the second finds what finalizers of the first have let go
        session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics: dict[str, Any] = session.send("Performance.getMetrics")
    session.detach()
    return {each["name"]: each["value"] for each in metrics["metrics"]}


def drop(page: Page, target: Locator, *files: Path) -> None:
    """Files, dragged in from the desktop: real ones, whose events scripts cannot make."""
    box = target.bounding_box()
    assert box is not None
    where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **where})
    session.detach()


def drag(page: Page, kind: str, x: float, y: float, *files: Path) -> None:
    """One step of that: `dragEnter`, `dragOver`, `drop` or `dragCancel`."""
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    session.send("Input.dispatchDragEvent", {"type": kind, "data": data, "x": x, "y": y})
    session.detach()
