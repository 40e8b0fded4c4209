"""The OpenAPI document: valid, whole, and readable without a network."""

from __future__ import annotations

import json
import re
from html import escape
from html.parser import HTMLParser
from typing import Any

import jsonschema
import msgspec
import pytest
import schemathesis

from api import asyncapi
from api import methods as m
from api.errors import ERRORS, ApiError
from api.openapi import document, tree
from api.page import HOME, docs_page
from api.refusals import PATTERNS

HTTP_METHODS = [method for method in m.METHODS.values() if method.wire != "ws"]


def operation(method: m.Method) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document())["paths"][f"/api/{method.name}"]["post"]
    return found


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with the components that it may refer to."""
    return {**schema, "components": tree()["components"]}


def test_it_is_openapi_3_1() -> None:
    shown = json.loads(document())
    assert shown["openapi"] == "3.1.0"
    assert {"title", "version", "description", "license"} <= shown["info"].keys()
    assert shown["info"]["license"].keys() <= {"name", "identifier"}
    tags = {tag["name"] for tag in shown["tags"]}
    seen: set[str] = set()
    for path, item in shown["paths"].items():
        [(verb, post)] = item.items()
        if not path.startswith("/media/"):
            assert re.fullmatch(r"/api/[a-z]+\.[a-z_]+", path)
            assert verb == "post"
        assert post["operationId"] not in seen
        seen.add(post["operationId"])
        assert set(post["tags"]) <= tags
        assert post["summary"]
        assert all(re.fullmatch(r"[1-5][0-9][0-9]", status) for status in post["responses"])
        assert all(answer["description"] for answer in post["responses"].values())


def test_the_fuzzer_takes_it_and_finds_every_operation() -> None:
    schema = schemathesis.openapi.from_dict(json.loads(document()))
    schema.validate()
    found = {found.ok().path for found in schema.get_all_operations()}
    files = {path for path in found if path.startswith("/media/")}
    assert found - files == {f"/api/{method.name}" for method in HTTP_METHODS}
    assert len(files) == 8


def test_every_schema_is_a_schema_and_every_reference_leads_somewhere() -> None:
    shown = json.loads(document())
    for schema in shown["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    targets = set(re.findall(r'"\$ref":"([^"]+)"', document().decode()))
    assert targets == {f"#/components/schemas/{name}" for name in shown["components"]["schemas"]}


@pytest.mark.parametrize("method", HTTP_METHODS, ids=lambda method: method.name)
def test_every_method_is_documented(method: m.Method) -> None:
    post = operation(method)
    assert post["operationId"] == method.name
    assert method.doc
    assert post["description"] == method.doc
    assert post["security"] == ([{"token": []}] if method.auth else [])
    required = any(field.required for field in msgspec.structs.fields(method.params))
    assert post["requestBody"]["required"] is required


@pytest.mark.parametrize("method", HTTP_METHODS, ids=lambda method: method.name)
def test_every_method_shows_the_errors_that_it_declares(method: m.Method) -> None:
    answers = operation(method)["responses"]
    shown = {
        code: int(status)
        for status, answer in answers.items()
        for code in re.findall(r"`(\w+)`", answer["description"])
    }
    assert shown == {code: ERRORS[code].status for code in method.errors}


@pytest.mark.parametrize("retry_after", [None, 0.0, 1.5])
def test_the_problem_schema_fits_every_problem(retry_after: float | None) -> None:
    schema = resolved({"$ref": "#/components/schemas/Problem"})
    check = jsonschema.Draft202012Validator(schema)
    for code in ERRORS:
        problem = json.loads(msgspec.json.encode(ApiError(code, "why", retry_after).problem()))
        check.validate(problem)
        with pytest.raises(jsonschema.ValidationError):
            check.validate({**problem, "status": "500"})


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("users.resolve", {"username": "alice"}, {"username": "al"}),
        ("users.resolve", {"username": "a" * 32}, {"username": "a" * 33}),
        ("users.resolve", {"username": "alice"}, {"username": "alice\n"}),
        ("updates.poll", {"pts": 0, "timeout_s": 50}, {"pts": 0, "timeout_s": 51}),
        (
            "messages.send",
            *({"chat_id": "g1", "text": text, "random_id": 1} for text in ("", " ")),
        ),
        ("messages.read", {"chat_id": "p1-2", "max_id": 1}, {"chat_id": "p1-02", "max_id": 1}),
        ("users.me", {}, {"x": 1}),
    ],
)
def test_the_schema_of_a_method_says_what_the_server_does(
    name: str, right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    method = m.METHODS[name]
    schema = operation(method)["requestBody"]["content"]["application/json"]["schema"]
    check = jsonschema.Draft202012Validator(resolved(schema))
    check.validate(right)
    m.decode_params(method, json.dumps(right).encode())
    with pytest.raises(msgspec.ValidationError):
        m.decode_params(method, json.dumps(wrong).encode())
    with pytest.raises(jsonschema.ValidationError):
        check.validate(wrong)


class Links(HTMLParser):
    """Everything on a page that a browser would fetch or follow."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.tags: set[str] = set()
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), "no script"
            if name in ("src", "href", "action", "data", "srcset", "poster"):
                self.targets.append(value or "")
            elif name == "id":
                self.anchors.add(value or "")


@pytest.mark.parametrize("page", [docs_page(), HOME], ids=["docs", "home"])
def test_pages_need_no_network_and_no_script(page: bytes) -> None:
    links = Links(page)
    assert links.tags.isdisjoint({"script", "iframe", "object", "embed", "link", "img", "form"})
    assert not re.search(rb"@import|url\(|//[a-z0-9.-]+\.[a-z]{2,}/", page)
    for target in links.targets:
        if target.startswith("#"):
            assert target[1:] in links.anchors, f"{target} leads nowhere"
        else:
            assert target in ("/api/docs", "/api/openapi.json", "/api/asyncapi.json")


@pytest.mark.parametrize("told", [document(), asyncapi.document(), docs_page()], ids=len)
def test_nothing_is_cited_that_the_server_does_not_serve(told: bytes) -> None:
    assert not re.findall(rb"docs/\w+|\w+\.(?:md|py)\b", told)


def test_the_page_tells_what_every_field_must_be_like() -> None:
    page = docs_page().decode()
    for words in PATTERNS.values():
        assert escape(words) in page
    assert "refused with" in page
    for name in (*asyncapi.HEARD, *asyncapi.SAID):
        assert f"id=frame-{name}>" in page


def test_the_page_shows_every_method_and_error() -> None:
    page = docs_page().decode()
    missing = [name for name in [*(x.name for x in HTTP_METHODS), *ERRORS] if name not in page]
    assert not missing
