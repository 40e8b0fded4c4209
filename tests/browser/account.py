"""A person's account, used past the browser: what was there before a test looks, and what others
do meanwhile."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import Any

import httpx2
from blake3 import blake3

from tests.integration.raw_socket import ANSWER_S_MAX

PASSWORD = "correct horse battery"


class Account:
    """Speaks HTTP as a program does. Raises `AssertionError` for what is refused."""

    def __init__(self, url: str, token: str, user: dict[str, Any]) -> None:
        self._http = httpx2.Client(base_url=url, timeout=ANSWER_S_MAX, trust_env=False)
        self._http.headers["authorization"] = f"Bearer {token}"
        self.id: int = user["id"]
        self.username: str = user["username"]
        self.name: str = user["name"]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return answer(self._http.post(f"/api/{method}", json=params))

    def private(self, user_id: int) -> str:
        """The chat with this person."""
        return str(self.call("chats.open_private", user_id=user_id)["id"])

    def group(self, title: str, *members: Account) -> str:
        made = self.call(
            "chats.create_group",
            title=title,
            user_ids=[member.id for member in members],
            random_id=random_id(),
        )
        return str(made["id"])

    def send(self, chat_id: str, *texts: str) -> list[int]:
        """One after the other; their ids."""
        return [
            self.call("messages.send", chat_id=chat_id, text=text, random_id=random_id())["id"]
            for text in texts
        ]

    def reply(self, chat_id: str, to: int, text: str) -> int:
        params = {"chat_id": chat_id, "text": text, "reply_to": to, "random_id": random_id()}
        return int(self.call("messages.send", **params)["id"])

    def send_file(self, chat_id: str, name: str, data: bytes, kind: str, **sent: Any) -> int:
        """One of up to a part. `sent`: what goes with it, as `text` or `album`."""
        ticket = self.upload(name, data, kind)
        params = {"chat_id": chat_id, "text": "", "media": ticket, "random_id": random_id(), **sent}
        return int(self.call("messages.send", **params)["id"])

    def upload(self, name: str, data: bytes, kind: str) -> str:
        """Its ticket."""
        about = {"hash": hash_of(data), "name": name, "kind": kind}
        return str(answer(self._http.post("/media/upload", params=about, content=data))["ticket"])

    def history(self, chat_id: str) -> list[dict[str, Any]]:
        """What is there, the oldest first."""
        found: list[dict[str, Any]] = []
        while page := self._before(chat_id, found[0]["id"] if found else 0):
            found = page + found
        return found

    def _before(self, chat_id: str, before_id: int) -> list[dict[str, Any]]:
        page = self.call("messages.history", chat_id=chat_id, before_id=before_id, limit=100)
        return sorted(page.get("messages", []), key=lambda message: message["id"])

    def texts(self, chat_id: str) -> list[str]:
        return [message.get("text", "") for message in self.history(chat_id)]

    def unread(self) -> dict[str, int]:
        """As the server counts, of each chat."""
        rows = self.call("chats.dialogs", limit=100).get("dialogs", [])
        return {row["chat_id"]: row.get("unread", 0) for row in rows}

    def close(self) -> None:
        self._http.close()


def until_in(account: Account, chat_id: str) -> None:
    """Who is invited joins after the group is there."""
    while chat_id not in account.unread():
        pass


def answer(response: httpx2.Response) -> dict[str, Any]:
    assert response.is_success, response.text
    found: dict[str, Any] = response.json()
    return found


def registered(url: str, name: str) -> Account:
    """A new account, with a user name that nobody has."""
    params = {"username": fresh(name), "name": name, "password": PASSWORD}
    found = answer(
        httpx2.post(f"{url}/api/auth.register", json=params, timeout=ANSWER_S_MAX, trust_env=False)
    )
    return Account(url, found["token"], found["user"])


def fresh(name: str) -> str:
    """A user name that is not taken."""
    first = name.split()[0].lower()
    return f"{first if first.isascii() else 'somebody'}_{secrets.token_hex(4)}"


def hash_of(data: bytes) -> str:
    return urlsafe_b64encode(blake3(data).digest()).rstrip(b"=").decode()


def random_id() -> int:
    return secrets.randbelow(2**53 - 1) + 1


def numbered(first: int, last: int, words: str = "message") -> Iterable[str]:
    return (f"{words} {number}" for number in range(first, last + 1))
