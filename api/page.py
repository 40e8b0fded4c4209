"""The API to read: one page rendered from the OpenAPI and AsyncAPI documents, with no script and no
network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from html import escape
from typing import Any

from api import asyncapi
from api.errors import ERRORS
from api.methods import METHODS
from api.openapi import tree
from api.refusals import PATTERNS

STYLE = """
:root{color-scheme:light dark;--ink:#221d17;--soft:#665d51;--line:#e4ddd1;--ground:#fbf9f6;
--card:#fff;--accent:#944204;--code:#f1ece4}
@media(prefers-color-scheme:dark){:root{--ink:#efe8dd;--soft:#b0a596;--line:#37312a;--ground:#1b1815;
--card:#24201c;--accent:#f5b458;--code:#2c2823}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.55 system-ui,sans-serif}
main{max-width:58rem;margin:0 auto;padding:3rem 1.25rem 6rem}
h1{font-size:2rem;margin:0 0 .25rem}h2{margin:3rem 0 .5rem;font-size:1.3rem}
p.lead,.soft{color:var(--soft)}a{color:var(--accent)}
nav{columns:14rem;margin:1.5rem 0;font-size:.92rem}nav a{display:block;text-decoration:none}
article{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.25rem;
margin:.8rem 0}article h3{margin:0;font:600 1rem ui-monospace,monospace}
article p{margin:.35rem 0 .6rem}
code{font:.9em ui-monospace,monospace;background:var(--code);padding:.05em .35em;border-radius:4px}
table{border-collapse:collapse;width:100%;font-size:.92rem}
td{border-top:1px solid var(--line);padding:.35rem .8rem .35rem 0;vertical-align:top}
td:first-child{white-space:nowrap}.tag{font-size:.75rem;color:var(--soft);
border:1px solid var(--line);border-radius:99px;padding:.1em .6em;margin-left:.5em}
"""


def _shell(title: str, body: str) -> bytes:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>"
    ).encode()


HOME = _shell(
    "Heliograph",
    "<h1>Heliograph</h1><p class=lead>This server is running, without its web client.</p>"
    "<p>The client is not built yet: <code>make install</code> in the folder of the code builds "
    "it; start the server again then.</p>"
    "<p>In a terminal: <code>heliograph chat --url</code> and this address. "
    "For programs: <a href=/api/docs>the API</a>, "
    "<a href=/api/openapi.json>its OpenAPI document</a>, and of live connections "
    "<a href=/api/asyncapi.json>the AsyncAPI document</a>.</p>",
)
"""What is at `/` where the web client is not."""


def _name(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = escape(_name(schema))
        return f"<a href=#type-{name}>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "object" and "additionalProperties" in schema:
        return f"map to {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("type", "any")))


def _bounds(schema: dict[str, Any]) -> str:
    words = {
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "minimum": "from {}",
        "maximum": "to {}",
        "minItems": "at least {} entries",
        "maxItems": "at most {} entries",
        "default": "default {}",
    }
    found = [
        text.format(f"<code>{escape(str(schema[key]))}</code>")
        for key, text in words.items()
        if key in schema and schema[key] not in ("", None)
    ]
    if "pattern" in schema:
        found.append(escape(PATTERNS[schema["pattern"]]))
    if "items" in schema:
        found += [f"each {bound}" for bound in filter(None, [_bounds(schema["items"])])]
    if "description" in schema:
        found.append(escape(schema["description"]))
    return ", ".join(found)


def _fields(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        f"<tr><td><code>{escape(name)}</code>{'' if name in required else ' <small>?</small>'}"
        f"</td><td>{_type(field)}</td><td class=soft>{_bounds(field)}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _method(path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    name, tags = operation["operationId"], ""
    params = operation["requestBody"]["content"]["application/json"]["schema"]
    result = operation["responses"]["200"]["content"]["application/json"]["schema"]
    for tag, there in (
        ("no token", not operation["security"]),
        ("read", operation["x-read"]),
        ("HTTP only", not operation["x-live"]),
    ):
        tags += f"<span class=tag>{tag}</span>" if there else ""
    return (
        f'<article id="{escape(name)}"><h3>POST {escape(path)}{tags}</h3>'
        f"<p>{_prose(operation['description'])}</p>{_fields(schemas[_name(params)])}"
        f"<p class=soft>answers {_type(result)}</p>{_refusals(METHODS[name].errors)}</article>"
    )


def _refusals(codes: Iterable[str]) -> str:
    shown = " ".join(f"<a href=#error-{code}><code>{code}</code></a>" for code in codes)
    return f"<p class=soft>refused with {shown}</p>"


def _prose(text: str) -> str:
    """Words with `code` in them."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _live(spec: dict[str, Any]) -> str:
    """What is said on a live connection, but for the requests that are methods above."""
    schemas, parts = (
        spec["components"]["schemas"],
        [f"<p>{_prose(spec['info']['description'])}</p>"],
    )
    for who, frames in (("client", asyncapi.HEARD), ("server", asyncapi.SAID)):
        for name, frame in frames.items():
            fields = _fields(schemas[frame.__name__])
            summary = spec["components"]["messages"][name]["summary"]
            parts.append(
                f"<article id=frame-{name}><h3>{name}<span class=tag>{who}</span></h3>"
                f"<p>{_prose(summary)}</p>{fields}</article>"
            )
    hello = METHODS["session.hello"]
    parts.append(
        f'<article id="session.hello"><h3>session.hello<span class=tag>client</span></h3>'
        f"<p>{_prose(hello.doc)}</p>{_fields(schemas[hello.params.__name__])}"
        f"<p class=soft>answers <a href=#type-Hello>Hello</a></p>{_refusals(hello.errors)}"
        "</article>"
    )
    return "".join(parts)


def _file(path: str, item: dict[str, Any]) -> str:
    """Where files are uploaded or downloaded."""
    [(verb, operation)] = item.items()
    rows = [
        f"<tr><td><code>{escape(field['name'])}</code>"
        f"{'' if field['required'] else ' <small>?</small>'}</td><td>{field['in']}</td>"
        f"<td class=soft>{_bounds(field['schema'])}</td></tr>"
        for field in operation["parameters"]
    ]
    open_tag = "" if operation["security"] else "<span class=tag>no token</span>"
    return (
        f'<article id="{escape(operation["operationId"])}"><h3>{verb.upper()} {escape(path)}'
        f"{open_tag}</h3><p>{_prose(operation['description'])}</p>"
        f"<table>{''.join(rows)}</table></article>"
    )


def _errors() -> str:
    rows = [
        f"<tr id=error-{code}><td><code>{escape(code)}</code></td><td>{kind.status}</td>"
        f"<td class=soft>{escape(kind.title)}{'; repeat later' if kind.retryable else ''}</td></tr>"
        for code, kind in ERRORS.items()
    ]
    return f"<article><table>{''.join(rows)}</table></article>"


@cache
def docs_page() -> bytes:
    """The page."""
    spec, live = tree(), asyncapi.tree()
    schemas = live["components"]["schemas"] | spec["components"]["schemas"]
    methods = {path: item for path, item in spec["paths"].items() if path.startswith("/api/")}
    files = {path: item for path, item in spec["paths"].items() if path not in methods}
    parts = [f"<h1>{spec['info']['title']} API</h1><p class=lead>{spec['info']['description']}</p>"]
    parts.append("<nav>")
    parts += [
        f'<a href="#{escape(name)}">{escape(name)}</a>'
        for name in (path.removeprefix("/api/") for path in methods)
    ]
    parts.append("</nav>")
    for tag in spec["tags"]:
        parts.append(f"<h2>{escape(tag['name'])} <span class=tag>{tag['description']}</span></h2>")
        parts += [
            _method(path, item["post"], schemas)
            for path, item in methods.items()
            if tag["name"] in item["post"]["tags"]
        ]
    parts.append("<h2>files <span class=tag>Bytes, not JSON</span></h2>")
    parts += [_file(path, item) for path, item in files.items()]
    parts.append("<h2>live <span class=tag>WebSocket frames</span></h2>")
    parts.append(_live(live))
    parts.append("<h2>types</h2>")
    used = {
        _name(item["post"]["requestBody"]["content"]["application/json"]["schema"])
        for item in methods.values()
    }
    used |= {frame.__name__ for frame in (*asyncapi.HEARD.values(), *asyncapi.SAID.values())}
    used.add("SayHello")
    parts += [
        f"<article id=type-{escape(name)}><h3>{escape(name)}</h3>"
        f"<p>{_prose(schema.get('description', ''))}</p>{_fields(schema)}</article>"
        for name, schema in schemas.items()
        if name not in used
    ]
    parts.append(f"<h2>errors</h2>{_errors()}")
    return _shell("Heliograph API", "".join(parts))
