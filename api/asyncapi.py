"""The AsyncAPI 3.0 document of live connections, made from the same types as the OpenAPI one.

It tells what the server receives and sends on a WebSocket: requests with their answers, one
operation for each method, and the frames that are neither.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from api import frames, limits
from api.errors import Problem
from api.methods import METHODS, Method
from api.openapi import VERSION, schemas_of

LIVE_METHODS = [method for method in METHODS.values() if method.wire != "http"]
HEARD = {"ack": frames.AckFrame, "ping": frames.PingFrame}
"""What a client says beside requests."""
SAID = {
    "update": frames.UpdateFrame,
    "pts": frames.PtsFrame,
    "event": frames.EventFrame,
    "pong": frames.PongFrame,
}
"""What the server says beside answers."""
_CHANNEL = {"$ref": "#/channels/live"}
_ID = {
    "type": "integer",
    "minimum": 0,
    "maximum": limits.JSON_INT_MAX,
    "description": "Chosen by the client; the answer has the same one.",
}
DESCRIPTION = (
    "Frames are WebSocket text messages with one JSON object each. The first is the request "
    "`session.hello`; anything else before it ends the connection. Answers may overtake each "
    "other. "
    f"Up to {limits.REQUESTS_IN_FLIGHT_PER_CONNECTION_MAX} requests may be unanswered, "
    f"{limits.READS_IN_FLIGHT_PER_CONNECTION_MAX} of them reads (`x-read`); one more is refused as "
    f"`overloaded`. {limits.FRAMES_PER_SECOND_MAX} frames a second, with bursts of "
    f"{limits.FRAMES_BURST_MAX}, and {limits.FRAME_BYTES_MAX} bytes each. A session has up to "
    f"{limits.CONNECTIONS_PER_SESSION_MAX} connections at once. The addresses are in the answer of "
    "`help.config` (OpenAPI document, /api/openapi.json). In answers, updates and events a field "
    "that has its default is left out; `null` is never sent and nowhere taken."
)


def _key(method: Method) -> str:
    """A method's name as a key: dots are not for keys here."""
    return method.name.replace(".", "-")


def _discriminated(schema: Any) -> Any:
    """The discriminator is the name of a field here, and no object as in OpenAPI."""
    if isinstance(schema, list):
        return [_discriminated(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    shown = {key: _discriminated(part) for key, part in schema.items()}
    if "discriminator" in shown:
        shown["discriminator"] = shown["discriminator"]["propertyName"]
    return shown


def _message(name: str, payload: dict[str, Any], summary: str) -> dict[str, Any]:
    return {"name": name, "summary": summary, "payload": payload}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _request(method: Method, params: Any) -> dict[str, Any]:
    needed = any(field.required for field in msgspec.structs.fields(method.params))
    required = ["id", "method", *(["params"] if needed else [])]
    shown = _object(required, id=_ID, method={"const": method.name}, params=params)
    return shown | {"additionalProperties": False}


def _messages(schemas: dict[type, Any]) -> dict[str, Any]:
    """Everything that is said on the channel, by name."""
    found = {
        "refusal": _message(
            "refusal",
            _object(["id", "error"], id=_ID, error=schemas[Problem]),
            "The answer to a request that is refused",
        )
    }
    for name, frame in (HEARD | SAID).items():
        found[name] = _message(name, schemas[frame], " ".join((frame.__doc__ or "").split()))
    for method in LIVE_METHODS:
        name, key = method.name, _key(method)
        summary = method.doc.split(". ")[0].rstrip(".")
        found[key] = _message(name, _request(method, schemas[method.params]), summary)
        answer = _object(["id", "result"], id=_ID, result=schemas[method.result])
        found[f"{key}-answer"] = _message(f"{name}, answer", answer, f"The answer to {name}")
    return found


def _on_channel(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/live/messages/{name}"}


def _operation(method: Method) -> dict[str, Any]:
    answers = [_on_channel(f"{_key(method)}-answer"), _on_channel("refusal")]
    return {
        "action": "receive",
        "channel": _CHANNEL,
        "title": method.name,
        "summary": method.doc.split(". ")[0].rstrip("."),
        "description": method.doc,
        "messages": [_on_channel(_key(method))],
        "reply": {"channel": _CHANNEL, "messages": answers},
        "x-read": method.read,
        "x-errors": list(method.errors),
    }


def _operations() -> dict[str, Any]:
    found = {_key(method): _operation(method) for method in LIVE_METHODS}
    for action, said in (("receive", HEARD), ("send", SAID)):
        for name in said:
            found[name] = {
                "action": action,
                "channel": _CHANNEL,
                "messages": [_on_channel(name)],
            }
    return found


@cache
def tree() -> dict[str, Any]:
    """The document as a tree."""
    schemas, components = schemas_of(LIVE_METHODS, *HEARD.values(), *SAID.values())
    messages = _messages(schemas)
    named = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Heliograph, live",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "edge": {
                "host": "{address}",
                "protocol": "ws",
                "pathname": "/ws",
                "description": "Behind a proxy with TLS, wss.",
                "variables": {"address": {"default": "localhost:8001"}},
            }
        },
        "channels": {
            "live": {
                "address": "/ws",
                "summary": "One live connection of one session",
                "messages": named,
            }
        },
        "operations": _operations(),
        "components": {"messages": messages, "schemas": _discriminated(components)},
    }


@cache
def document() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(tree())
