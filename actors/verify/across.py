"""What has to fit together across actors and partitions.

A message that is under way from one partition to another has not taken effect there: what it will
make right is no finding.
"""

from __future__ import annotations

from actors import addresses
from actors.verify.report import ChatFacts, Facts, Report
from runtime.placement import Placement


def check_across(placement: Placement, facts: Facts, report: Report) -> None:
    """Add what does not fit to the report."""
    _streams(facts, report)
    for chat_id, chat in facts.chats.items():
        _delivered(placement, chat_id, chat, facts, report)
    _names(placement, facts, report)
    _sessions(placement, facts, report)
    _files(placement, facts, report)


def _files(placement: Placement, facts: Facts, report: Report) -> None:
    """A file's actor knows of every message that has the file, and of everybody whose picture it
    is. (Of a chat that was taken back to an earlier moment, it knows more than there are.)"""
    for (file_id, mark), there in facts.references.items():
        known = facts.referred.get((file_id, mark), 0)
        referrer = addresses.of_mark(mark)
        here = placement.partition(referrer)
        if there > known and not facts.under_way(
            here, placement.partition(addresses.file(file_id))
        ):
            what = f"knows of {known} uses by {referrer}, and there are {there}"
            report.add(f"file/{file_id}", what)


def _streams(facts: Facts, report: Report) -> None:
    """Between two partitions, nothing is lost and nothing is left over."""
    for stream, sent in facts.sent.items():
        waiting = facts.waiting.get(stream, [])
        mark = facts.watermarks.get(stream, 0)
        where = f"stream {stream[0]} to {stream[1]}"
        if mark > sent:
            report.add(where, f"message {mark} took effect, but only {sent} were sent")
        if waiting and waiting != list(range(waiting[0], sent + 1)):
            report.add(where, "there is a hole in what waits")
        first = waiting[0] if waiting else sent + 1
        if first > mark + 1:
            report.add(where, f"messages {mark + 1} to {first - 1} are lost")
        report.counts["messages under way"] += max(0, sent - mark)
    for stream in facts.waiting.keys() - facts.sent.keys():
        report.add(f"stream {stream[0]} to {stream[1]}", "messages wait that were never numbered")


def _delivered(
    placement: Placement, chat_id: str, chat: ChatFacts, facts: Facts, report: Report
) -> None:
    """Every message of a chat is in the mailboxes of those it is for."""
    home = placement.partition(addresses.chat(chat_id))
    for user_id, last_id in chat.members.items():
        member = facts.users.get(user_id)
        if member is None:
            report.add(f"chat/{chat_id}", f"its member {user_id} does not exist")
            continue
        got = member.dialogs.get(chat_id, 0)
        if got == last_id or facts.under_way(home, placement.partition(addresses.user(user_id))):
            continue
        report.add(f"user/{user_id}", f"has {chat_id} up to message {got} of {last_id}")


def _names(placement: Placement, facts: Facts, report: Report) -> None:
    """Every user holds their name, and every name is held by the user who is called so."""
    for user_id, user in facts.users.items():
        name = user.username.lower()
        if name and facts.holders.get(name) != user_id:
            report.add(f"user/{user_id}", f"is called {user.username} but does not hold the name")
    for name, user_id in facts.holders.items():
        holder = facts.users.get(user_id)
        if holder is not None and holder.username.lower() == name:
            continue
        here = placement.partition(addresses.username(name))
        there = placement.partition(addresses.user(user_id))
        if not facts.under_way(here, there) and not facts.under_way(there, here):
            report.add(f"handle/username:{name}", f"is held by user {user_id}, not called so")


def _sessions(placement: Placement, facts: Facts, report: Report) -> None:
    """A user lists exactly the sessions that there are."""
    listed = {
        (user_id, number) for user_id, user in facts.users.items() for number in user.sessions
    }
    for user_id, number in listed ^ facts.sessions:
        user_at = placement.partition(addresses.user(user_id))
        session_at = placement.partition(addresses.session(user_id, number))
        if facts.under_way(user_at, session_at) or facts.under_way(session_at, user_at):
            continue
        there = (user_id, number) in facts.sessions
        problem = "is not listed by its user" if there else "is listed by its user but not there"
        report.add(f"session/{user_id}.{number}", problem)
