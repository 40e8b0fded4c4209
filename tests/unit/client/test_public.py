"""What `heliograph` shows to its users."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from types import ModuleType

import pytest

import heliograph
from api.methods import METHODS, Method
from heliograph import _public
from heliograph._methods import Methods

METHOD_NAMES = {
    "auth.register": "register",
    "auth.login": "login",
    "auth.logout": "logout",
    "auth.sessions": "sessions",
    "auth.end_session": "end_session",
    "auth.end_other_sessions": "end_other_sessions",
    "auth.change_password": "change_password",
    "help.limits": "server_limits",
    "help.config": "server_config",
    "users.me": "me",
    "users.get": "users",
    "users.resolve": "user",
    "users.update_profile": "update_profile",
    "users.set_username": "set_username",
    "users.set_photo": "set_profile_photo",
    "contacts.add": "add_contact",
    "contacts.remove": "remove_contact",
    "contacts.list": "contacts",
    "contacts.block": "block",
    "contacts.unblock": "unblock",
    "contacts.blocked": "blocked",
    "chats.open_private": "open_private",
    "chats.create_group": "create_group",
    "chats.get": "chat",
    "chats.add_member": "add_member",
    "chats.remove_member": "remove_member",
    "chats.leave": "leave",
    "chats.rename": "rename",
    "chats.set_description": "set_description",
    "chats.set_member_rights": "set_member_rights",
    "chats.set_photo": "set_chat_photo",
    "chats.set_admin": "set_admin",
    "chats.transfer_ownership": "transfer_ownership",
    "chats.dialogs": "dialogs_page",
    "messages.send": "send",
    "messages.edit": "edit",
    "messages.delete": "delete",
    "messages.forward": "forward",
    "messages.history": "history_page",
    "messages.get": "messages",
    "messages.read": "mark_read",
    "messages.typing": "typing",
    "media.begin": "begin_upload",
    "media.upload": "get_upload",
    "media.finish": "finish_upload",
    "media.cancel": "cancel_upload",
    "media.link": "file_link",
    "updates.state": "mailbox_state",
    "updates.difference": "difference",
    "updates.poll": "poll",
    "updates.ack": "acknowledge",
}
"""Which method of the client is for which method of the API."""


def test_the_list_of_public_names_is_sorted_and_whole() -> None:
    public = {
        name
        for name, value in vars(_public).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "EVERYTHING"
    }
    assert heliograph.__all__ == dir(heliograph) == sorted(public)


def test_the_client_is_imported_when_it_is_first_used() -> None:
    """Not by the server and the commands, which would start more slowly."""
    code = (
        "import sys, heliograph.cli, heliograph.server.main; client = 'heliograph._client';"
        "before = client in sys.modules; from heliograph import *; Client;"
        "print(before, client in sys.modules, hasattr(heliograph, 'nothing'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]


@pytest.mark.parametrize("name", heliograph.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    """But for aliases."""
    value = getattr(heliograph, name)
    if inspect.isclass(value):
        assert value.__doc__


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, value in inspect.getmembers(heliograph.Client)
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    ],
)
def test_every_method_of_the_client_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(heliograph.Client, name))


@pytest.mark.parametrize(
    "method", [method for method in METHODS.values() if method.wire != "ws"], ids=lambda m: m.name
)
def test_the_client_has_every_method_of_the_api(method: Method) -> None:
    function = getattr(heliograph.Client, METHOD_NAMES[method.name])
    owner = heliograph.Client if method.name in ("auth.register", "auth.login") else Methods
    if method.name == "auth.logout":
        owner = heliograph.Client
    assert vars(owner)[METHOD_NAMES[method.name]] is function
    assert f"m.{method.params.__name__}(" in inspect.getsource(function)


def test_no_method_of_the_api_is_invented() -> None:
    assert set(METHOD_NAMES) <= set(METHODS)


@pytest.mark.parametrize(
    "values",
    [{"call_s": 0}, {"gap_s": -1.0}, {"ack_s": 0.0}],
    ids=lambda values: next(iter(values)),
)
def test_timeouts_are_checked(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        heliograph.Timeouts(**values)


def test_bounds_and_backoff_are_checked() -> None:
    with pytest.raises(ValueError, match="updates_max"):
        heliograph.Bounds(updates_max=0)
    with pytest.raises(ValueError, match="min_s"):
        heliograph.Backoff(2.0, 1.0)


def test_backoff_doubles_up_to_its_end_and_is_spread() -> None:
    backoff = heliograph.Backoff(1.0, 10.0)
    assert [backoff.wait_s(n, lambda: 1.0) for n in (1, 2, 3, 4, 5, 9999)] == [1, 2, 4, 8, 10, 10]
    assert backoff.wait_s(3, lambda: 0.0) == 2.0


def test_importing_the_client_does_not_import_the_server() -> None:
    code = "import heliograph, json, sys; print(json.dumps(list(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = {name.split(".")[0] for name in json.loads(shown.stdout)}
    assert "heliograph" in modules
    assert not {"ray", "lmdb", "actors", "storage"} & modules
