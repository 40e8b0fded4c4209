"""What the tests would not pass over: a page that does all that ours must not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import flaws
from tests.browser.device import Device

PAGE = """<!doctype html><html lang="en"><title>Page</title><body><main><h1>One</h1>
<img src="/none.png"></main>
<script type="module" src="/page.js"></script>"""
OF_THE_PAGE = """
const policy = trustedTypes.createPolicy('own', {createScriptURL: url => url});
new Worker(policy.createScriptURL('/worker.js'), {type: 'module'});
try {
  document.querySelector('h1').innerHTML = '<b>x</b>';
} catch (error) {
  console.warn(error.name);
}
window.socket = new WebSocket(location.href.replace('http', 'ws'));
window.socket.onerror = () => document.querySelector('h1').append(' no socket');
fetch('http://page.example/').catch(() => document.querySelector('h1').append(' page'));
onerror = () => document.querySelector('h1').append(' broke');
setTimeout(() => { throw new Error('of the page'); });
"""
OF_THE_WORKER = """
fetch('http://worker.example/').catch(() => { throw new Error('of the worker'); });
"""
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src *;"
    " require-trusted-types-for 'script'; trusted-types own"
)
FILES = {
    "/": ("text/html", PAGE),
    "/page.js": ("text/javascript", OF_THE_PAGE),
    "/worker.js": ("text/javascript", OF_THE_WORKER),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, text = FILES.get(self.path, ("text/plain", ""))
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.send_header("content-security-policy", POLICY)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served.server_address[1]
        served.shutdown()
        thread.join()


def test_whatever_a_browser_complains_of_is_told(browser: Browser, port: int) -> None:
    device = Device(browser, f"http://127.0.0.1:{port}")
    tab = device.tab()
    heading = tab.page.get_by_role("heading")
    for word in ("no socket", "page", "broke"):
        expect(heading).to_contain_text(word)
    tab.until(lambda: any("of the worker" in each for each in device.complaints.left()))
    device.complaints.expect("favicon")
    told = "\n".join(device.close())
    for word in (
        "TrustedHTML",
        "warning: TypeError",
        "WebSocket connection",
        "Error: of the page",
        "Error: of the worker",
        "asked page.example",
        "asked worker.example",
    ):
        assert word in told


def test_what_is_wrong_with_a_page_is_told(browser: Browser, port: int) -> None:
    device = Device(browser, f"http://127.0.0.1:{port}")
    tab = device.tab()
    assert ["image-alt" in each for each in flaws.axe(tab.page)] == [True]
    assert flaws.hanging(tab.page) == []
    tab.page.set_viewport_size({"width": 300, "height": 300})
    tab.page.evaluate("() => document.querySelector('h1').append('W'.repeat(100))")
    assert flaws.hanging(tab.page) == ["html"]
    device.close()


def test_by_the_name_of_a_local_network_a_page_is_insecure(browser: Browser, port: int) -> None:
    names = {"heliograph.lan": "127.0.0.1"}
    device = Device(browser, f"http://heliograph.lan:{port}", names=names)
    assert device.tab().page.evaluate("() => [isSecureContext, 'locks' in navigator]") == [
        False,
        False,
    ]
    device.close()
