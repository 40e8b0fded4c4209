"""Debian's WebKit (WebKitGTK's MiniBrowser on a screen that nobody sees), by WebDriver: Playwright
drives a WebKit of its own alone. As much of it as the main walk needs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from heliograph.server.ports import free_ports
from tests.browser.tab import HANGS_MS, LOOK_MS

DRIVER = Path("/usr/bin/WebKitWebDriver")
SCREEN = Path("/usr/bin/Xvfb")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""How WebDriver marks an element in JSON."""
ENTER = "\ue007"
FIND = """
const [kind, name] = arguments;
const KINDS = {
  button: 'button, [role=button], [role=menuitem]',
  box: 'input, textarea',
  link: 'a',
  article: 'article',
  text: 'body',
};
const nameOf = (each) => each.getAttribute('aria-label')
  ?? (each.labels?.length ? each.labels[0].innerText : each.innerText) ?? '';
const fits = (each) => kind === 'article' || kind === 'link' || kind === 'text'
  ? each.innerText.includes(name)
  : nameOf(each).trim() === name;
return [...document.querySelectorAll(KINDS[kind])]
  .findLast((each) => each.checkVisibility() && fits(each)) ?? null;
"""


class WebKit:
    """A browser with a profile of its own, which is gone with it."""

    def __init__(self, driver: str) -> None:
        self._http = httpx2.Client(base_url=driver, timeout=HANGS_MS / 1000, trust_env=False)
        wanted = {"capabilities": {"alwaysMatch": {}}}
        self._session = f"/session/{self._post('/session', wanted)['sessionId']}"

    def open(self, url: str) -> None:
        self._post(f"{self._session}/url", {"url": url})

    def find(self, kind: str, name: str) -> str:
        """The last element of this kind that is called so, as soon as there is one."""
        end_s = time.monotonic() + HANGS_MS / 1000
        while (found := self.run(FIND, kind, name)) is None:
            assert time.monotonic() < end_s, f"no {kind} {name!r}: {self.text()}"
            time.sleep(LOOK_MS / 1000)
        return str(found[ELEMENT])

    def click(self, kind: str, name: str) -> None:
        self._post(f"{self._session}/element/{self.find(kind, name)}/click", {})

    def type(self, name: str, text: str) -> None:
        element = self.find("box", name)
        self._post(f"{self._session}/element/{element}/value", {"text": text.replace("\n", ENTER)})

    def run(self, script: str, *arguments: Any) -> Any:
        return self._post(
            f"{self._session}/execute/sync", {"script": script, "args": list(arguments)}
        )

    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def close(self) -> None:
        self._http.delete(self._session)
        self._http.close()

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(path, json=body)
        value = answer.json()["value"]
        assert answer.is_success, value
        return value


@contextlib.contextmanager
def running() -> Iterator[WebKit]:
    """One of its own: a driver has one browser at a time."""
    with contextlib.ExitStack() as stack:
        reading, writing = os.pipe()
        screen = stack.enter_context(
            _process(str(SCREEN), "-displayfd", str(writing), "-nolisten", "tcp", keep=(writing,))
        )
        os.close(writing)
        with os.fdopen(reading) as told:
            display = f":{told.readline().strip()}"
        assert screen.poll() is None
        (port,) = free_ports(1)
        stack.enter_context(_process(str(DRIVER), f"--port={port}", env={"DISPLAY": display}))
        url = f"http://127.0.0.1:{port}"
        end_s = time.monotonic() + HANGS_MS / 1000
        while not _answers(url):
            assert time.monotonic() < end_s, "the driver did not start"
            time.sleep(LOOK_MS / 1000)
        browser = WebKit(url)
        yield browser
        browser.close()


@contextlib.contextmanager
def _process(
    *command: str, keep: tuple[int, ...] = (), env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        pass_fds=keep,
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(f"{url}/status", trust_env=False).is_success
    return False
