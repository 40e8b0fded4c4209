"""Which actor a command goes to.

Most methods are one request to one actor: their route is a function of parameters and caller. The
others are completed by the gateway (`fronts.gateway`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors import addresses
from api import methods as m
from runtime.refs import ActorRef, Caller

Route = Callable[[Any, Caller], ActorRef]


def _own_user(_: Any, caller: Caller) -> ActorRef:
    return addresses.user(caller.user_id)


def _own_session(_: Any, caller: Caller) -> ActorRef:
    return addresses.session(caller.user_id, caller.session_id)


def _chat(params: Any, _: Caller) -> ActorRef:
    return addresses.chat(params.chat_id)


ROUTES: dict[type[m.Params], Route] = {
    m.Logout: _own_user,
    m.GetSessions: _own_user,
    m.EndSession: _own_user,
    m.EndOtherSessions: _own_user,
    m.GetMe: _own_user,
    m.UpdateProfile: _own_user,
    m.SetPhoto: _own_user,
    m.RemoveContact: _own_user,
    m.GetContacts: _own_user,
    m.Unblock: _own_user,
    m.GetBlocked: _own_user,
    m.GetState: _own_user,
    m.Ack: _own_session,
    m.CreateGroup: lambda params, caller: addresses.chat(
        addresses.group_id(caller.user_id, params.random_id)
    ),
    m.GetChat: _chat,
    m.AddMember: _chat,
    m.RemoveMember: _chat,
    m.LeaveGroup: _chat,
    m.RenameGroup: _chat,
    m.SetChatPhoto: _chat,
    m.SetAdmin: _chat,
    m.TransferOwnership: _chat,
    m.SendMessage: _chat,
    m.GetHistory: _chat,
    m.GetMessages: _chat,
    m.MarkRead: _chat,
    m.SetTyping: _chat,
    m.BeginUpload: _own_user,
    m.GetUpload: _own_user,
    m.CancelUpload: _own_user,
}
"""Methods that are one request to one actor."""
