"""What tests do inside of a page, where no person's hand reaches: look closely, and play the
surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

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


def loses_focus(page: Page, to: Page) -> None:
    """Both are in view, and the other one is typed into."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    session.detach()
    to.bring_to_front()
    assert not page.evaluate("() => document.hasFocus()")


def gets_focus(page: Page) -> None:
    page.bring_to_front()
    assert page.evaluate("() => document.hasFocus()")


WATCH = """element => {
  const key = element.getAttribute('data-id') ?? element.id;
  const text = element.innerText;
  const find = () => element.isConnected ? element
    : [...document.querySelectorAll('[role=log] article, [role=log] [role=article]')]
        .find(each => each.innerText === text);
  const edges = [];
  let ended = false;
  const look = () => {
    const now = find();
    edges.push(now ? now.getBoundingClientRect().bottom : null);
    if (!ended) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  const twoFrames = then => requestAnimationFrame(() => requestAnimationFrame(then));
  window.__watched = () => new Promise(done => twoFrames(() => { ended = true; done(edges); }));
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
        """By how many pixels at most, away from where it was; it has always been there. Its lower
        edge: above its first line there is more room when it is the first of a sender's."""
        edges: list[float | None] = self.page.evaluate("() => window.__watched()")
        assert len(edges) > 1, "no frame was shown"
        there = [edge for edge in edges if edge is not None]
        assert len(there) == len(edges), "it was gone for a moment"
        return max(abs(edge - there[0]) for edge in there)


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


def drag(page: Page, kind: str, x: float, y: float, *files: Path, text: str = "") -> None:
    """One step of dragging something in from the desktop: `dragEnter`, `dragOver`, `drop` or
    `dragCancel`. Scripts cannot make these events with files."""
    items = [{"mimeType": "text/plain", "data": text}] if text else []
    data = {"items": items, "files": [str(file) for file in files], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    session.send("Input.dispatchDragEvent", {"type": kind, "data": data, "x": x, "y": y})
    session.detach()


OLDEST = """log => Math.min(...[...log.querySelectorAll('article[data-id]')]
  .map(each => Number(each.dataset.id)).filter(id => id > 0))"""
SETTLED = """(log, loading) => new Promise(done => {
  const article = () => log.querySelectorAll('article')[0];
  let last, same = 0;
  const look = () => {
    const now = !loading && log.querySelector('[role=progressbar], .spinner') ? NaN
      : `${article()?.dataset.id} ${article()?.getBoundingClientRect().top}`;
    same = now === last ? same + 1 : 0;
    last = now;
    if (same < 10) requestAnimationFrame(look); else done();
  };
  look();
})"""


def oldest(log: Locator) -> int:
    """The first message that there is an element of."""
    return int(log.evaluate(OLDEST))


def settles(log: Locator, loading: bool = False) -> None:
    """Nothing has moved for ten frames; and nothing is loading, if it shall not be."""
    log.evaluate(SETTLED, loading)


def next_frame(page: Page) -> None:
    page.evaluate("() => new Promise(done => requestAnimationFrame(done))")


def first_in_view(log: Locator) -> Locator:
    """The first message that is wholly in view."""
    place = log.evaluate("""log => {
      const {top} = log.getBoundingClientRect();
      const all = [...log.querySelectorAll('article[data-id]')];
      return all.find(each => each.getBoundingClientRect().top >= top).dataset.id;
    }""")
    return log.locator(f'article[data-id="{place}"]')


OBSERVE_TASKS = """() => {
  const long = [], keys = [];
  new PerformanceObserver(list => long.push(...list.getEntries().map(each => each.duration)))
    .observe({type: 'longtask'});
  new PerformanceObserver(list => keys.push(...list.getEntries()
      .filter(each => each.name === 'keydown').map(each => each.duration)))
    .observe({type: 'event', durationThreshold: 16});
  window.__tasks = () => ({long, keys: keys.sort((a, b) => a - b)});
}"""
"""Afterwards `__tasks()` tells how long the page was busy at once (over 50 ms), and how long keys
took to be painted (over 16 ms, by steps of 8), in ms."""
COUNT_CHANGES = """() => {
  let changes = 0;
  new MutationObserver(found => { changes += found.length; })
    .observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  window.__changes = () => changes;
}"""
"""Afterwards `__changes()` tells how many there were of the page's elements."""
NOTE_FIRST_ROW = """
  new MutationObserver((_, observer) => {
    if (!document.querySelector('[role=listitem], [role=list] > li, ul > li')) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.__firstRow = performance.now(); }));
  }).observe(document, {subtree: true, childList: true});
"""
"""From when a page is loaded: afterwards `__firstRow` is when the first row of a list was painted,
in ms since the page was asked for."""


STORED = """async () => {
  const found = [];
  for (const {name} of await indexedDB.databases()) {
    const database = await new Promise((done, failed) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => done(request.result);
      request.onerror = () => failed(request.error);
    });
    for (const store of database.objectStoreNames) {
      const rows = await new Promise((done) => {
        const request = database.transaction(store).objectStore(store).getAll();
        request.onsuccess = () => done(request.result);
      });
      found.push(...rows.map((row) => `${store}: ${JSON.stringify(row)}`));
    }
    database.close();
  }
  found.push(...Object.entries(localStorage).map(([key, value]) => `local ${key}: ${value}`));
  return found;
}"""


def kept(page: Page) -> str:
    """All that the browser keeps for the page."""
    return "\n".join(page.evaluate(STORED))


RESTS = """async () => {
  await Promise.all([...document.images].filter(each => each.checkVisibility())
    .map(each => each.decode().catch(() => undefined)));
  await document.fonts.ready;
  const frame = () => new Promise(done => requestAnimationFrame(done));
  for (let still = 0; still < 5; still++) {
    if ([...document.images].some(each => !each.complete && each.checkVisibility())) still = 0;
    if (document.getAnimations().some(each => each.playState === 'running'
        && each.effect.getComputedTiming().iterations !== Infinity)) still = 0;
    await frame();
  }
}"""


def rests(page: Page) -> None:
    """All pictures are there, and nothing moves but what always does."""
    page.evaluate(RESTS)


COUNT_ARTICLES = """log => {
  const added = [];
  new MutationObserver(found => {
    for (const {addedNodes} of found) {
      for (const node of addedNodes) {
        if (!(node instanceof Element)) continue;
        const articles = node.matches('article') ? [node] : [...node.querySelectorAll('article')];
        added.push(...articles.map(each => each.innerText));
      }
    }
  }).observe(log, {subtree: true, childList: true});
  window.__articles = () => added;
}"""
"""Afterwards `__articles()` tells which came into the log: what a screen reader says."""

WRITE_DOWN = """() => {
  const said = [];
  new MutationObserver(found => {
    for (const {addedNodes} of found) said.push(...[...addedNodes].map(each => each.textContent));
  }).observe(document.querySelector('[aria-live=polite]'), {childList: true});
  window.__said = () => said;
}"""
"""Afterwards `__said()` tells what was announced, in its order."""

SAID_ANEW = """() => {
  const live = '.page :is([role=status], [role=alert], [aria-live]):not([aria-live=off])';
  return [...document.querySelectorAll(live)].map(each => each.textContent).filter(Boolean);
}"""
"""What is said once more when the page comes back from under a dialog."""
