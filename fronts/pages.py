"""The web client as it is built (`web/dist`): every file in memory, with what was compressed when
it was built, and what browsers are told to do with it and not to do.

A navigation to an address without a file gets the page, which knows by itself what is there.
Files under `/assets/` have names that change with what is in them, and are kept for ever, but for
the worker, whose policy comes with it.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from api import types as t
from api.page import HOME as WITHOUT_CLIENT
from api.replies import HTML, Header, Reply, page, wrong_verb
from api.site import Headers, Site

ENCODINGS = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""What a client is given if it likes several equally, in this order."""
PAGE, SERVICE_WORKER = "/index.html", "/sw.js"
WORKER = "/assets/worker-"
"""Its policy names an address that an operator may change, so it is asked for each time."""
NOT_PAGES = ("/api/", "/media/", "/assets/", "/ws", "/metrics", "/healthz", "/readyz", "/-/")
FOR_EVER = b"public, max-age=31536000, immutable"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
ABOUT = (
    b"link",
    b'</api/docs>; rel="service-doc", </api/openapi.json>; rel="service-desc"',
)
"""RFC 8631: programs that come to the page are told where theirs is."""
USED = ("autoplay", "camera", "clipboard-write", "fullscreen", "microphone", "picture-in-picture")
NOT_USED = (
    *("accelerometer", "display-capture", "encrypted-media", "gamepad", "geolocation"),
    *("gyroscope", "hid", "identity-credentials-get", "idle-detection", "keyboard-map"),
    *("local-fonts", "magnetometer", "midi", "payment", "publickey-credentials-get"),
    *("screen-wake-lock", "serial", "storage-access", "usb", "window-management"),
    "xr-spatial-tracking",
)
PERMISSIONS = ", ".join(
    [*(f"{name}=(self)" for name in USED), *(f"{name}=()" for name in NOT_USED)]
).encode()
TRUSTED_TYPES = "heliograph"
"""The one policy that the page has (`web/src/trusted.ts`)."""


class File(NamedTuple):
    """`bodies`: by the encoding, `identity` among them."""

    media_type: bytes
    tag: str
    bodies: Mapping[str, bytes]


class Pages:
    """See the module. `files`: by their path."""

    def __init__(self, files: Mapping[str, File], config: t.Config, site: Site) -> None:
        self._files = files
        self._config = config
        self._site = site

    def answer(self, verb: str, path: str, headers: Headers) -> Reply | None:
        """What is there; None if nothing is."""
        if PAGE not in self._files:
            return page(verb, HTML, WITHOUT_CLIENT) if path == "/" else None
        file = self._files.get(path) if path != PAGE else None
        if file is None:
            if path != "/" and not (verb in ("GET", "HEAD") and _navigates(path, headers)):
                return None
            path, file = PAGE, self._files[PAGE]
        if verb not in ("GET", "HEAD"):
            return wrong_verb(b"GET, HEAD")
        return _reply(file, headers, self._told(path, headers))

    def _told(self, path: str, headers: Headers) -> list[Header]:
        lasts = path.startswith("/assets/") and not path.startswith(WORKER)
        told = [(b"cache-control", FOR_EVER if lasts else b"no-cache")]
        if path == PAGE:
            told += [
                (b"content-security-policy", page_policy(self._live(headers)).encode()),
                (b"permissions-policy", PERMISSIONS),
                (b"cross-origin-opener-policy", b"same-origin"),
                (b"referrer-policy", b"same-origin"),  # with "no-referrer", `Origin` can be `null`
                (b"x-frame-options", b"DENY"),
                ABOUT,
            ]
        elif path == SERVICE_WORKER:
            told.append((b"content-security-policy", worker_policy("", wasm=False).encode()))
        elif path.startswith(WORKER):
            policy = worker_policy(self._live(headers), wasm=True)
            told.append((b"content-security-policy", policy.encode()))
        else:
            told.append((b"content-security-policy", b"default-src 'none'; sandbox"))
        return told

    def _live(self, headers: Headers) -> str:
        """Where live connections go, from a page at this address."""
        if url := self._config.ws_url:
            return "" if "[" in url else url  # a policy cannot name an IPv6 address
        name = self._site.host(headers).rpartition("]")[2].partition(":")[0]
        return f"ws://{name}:{self._config.ws_port}" if name and self._config.ws_port else ""


def page_policy(live: str) -> str:
    """What the page may do: nothing that did not come from here."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "font-src 'self'",
            f"connect-src 'self' {live}".rstrip(),
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            f"trusted-types {TRUSTED_TYPES}",
        ]
    )


def worker_policy(live: str, wasm: bool) -> str:
    """A worker has the policy of its own script, and alone compiles WebAssembly (for hashes)."""
    scripts = "script-src 'self' 'wasm-unsafe-eval'" if wasm else "script-src 'self'"
    return f"default-src 'none'; {scripts}; connect-src 'self' {live}".rstrip()


def read(folder: Path) -> dict[str, File]:
    """The files in there, by their paths; empty if there are none."""
    return {f"/{path.relative_to(folder).as_posix()}": _file(path) for path in _plain(folder)}


def _plain(folder: Path) -> Iterator[Path]:
    """Those that are no compressed copy of another."""
    for path in sorted(folder.rglob("*")):
        copy = path.suffix in ENCODINGS.values() and path.with_suffix("").is_file()
        if path.is_file() and not copy:
            yield path


def _file(path: Path) -> File:
    plain = path.read_bytes()
    bodies = {"identity": plain}
    for encoding, suffix in ENCODINGS.items():
        copy = path.with_name(path.name + suffix)
        if copy.is_file():
            bodies[encoding] = copy.read_bytes()
    kind = (
        TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    )
    return File(kind.encode(), blake3(plain).hexdigest()[:24], bodies)


def _navigates(path: str, headers: Headers) -> bool:
    """Whether a browser asks for a page to show, at an address that may be one of the client's."""
    if path.startswith(NOT_PAGES) or "." in path.rpartition("/")[2]:
        return False
    mode = headers.get(b"sec-fetch-mode")
    return mode == b"navigate" if mode else b"text/html" in headers.get(b"accept", b"")


def _reply(file: File, headers: Headers, told: list[Header]) -> Reply:
    encoding = chosen(headers.get(b"accept-encoding", b""), file.bodies)
    tag = f'"{file.tag}"' if encoding == "identity" else f'"{file.tag}-{encoding}"'
    told = [*told, (b"etag", tag.encode())]
    if len(file.bodies) > 1:
        told.append((b"vary", b"Accept-Encoding"))
    known = headers.get(b"if-none-match", b"").decode("latin-1")
    if known.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return 304, b"", b"", told
    if encoding != "identity":
        told.append((b"content-encoding", encoding.encode()))
    return 200, file.media_type, file.bodies[encoding], told


def chosen(accepted: bytes, there: Mapping[str, bytes]) -> str:
    """The encoding that a client likes best (RFC 9110, section 12.5.3)."""
    liked: dict[str, float] = {}
    for part in accepted.decode("latin-1").lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        liked[name] = min((_quality(word) for word in parameters), default=1.0)
    other = liked.get("*", 0.0)
    found = {name: liked.get(name, other) for name in ENCODINGS if name in there}
    best = max(found, key=lambda name: found[name], default="identity")
    least = liked.get("identity", 0.0)
    return best if found.get(best, 0.0) > 0 and found[best] >= least else "identity"


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
