"""A group as the service messages in its log tell it: who was in it when, as what."""

from __future__ import annotations

from sim.world.final import ChatLog


class Story:
    """`roles` are those of the members in the end; `stays` the messages from one's coming to one's
    going, for each time; `faults` what makes no sense, `strangers` who wrote without being in."""

    def __init__(self, chat_id: str, log: ChatLog) -> None:
        self.chat_id = chat_id
        self.title = ""
        self.roles: dict[int, str] = {}
        self.stays: dict[int, list[range]] = {}
        self.faults: list[str] = []
        self.strangers: list[tuple[int, int]] = []
        last_id = 0
        for last_id, row in sorted(log.messages.items()):
            if row.action is None:
                if row.from_id not in self.roles:
                    self.strangers.append((last_id, row.from_id))
            else:
                self._apply(last_id, row.from_id, *row.action)
        for user_id in self.roles:
            self._end(user_id, last_id)

    def _apply(self, number: int, by: int, kind: str, whom: int, text: str) -> None:
        where = f"{self.chat_id} message {number}: {kind}"
        roles = self.roles
        if kind == "group_created":
            if number != 1:
                self.faults.append(f"{where} again")
            self.title, roles[by] = text, "owner"
            self.stays[by] = [range(1, 1)]
            return
        if by not in roles and kind != "member_left":
            self.faults.append(f"{where} by {by}, who is not in it")
        if kind == "member_added":
            if whom in roles:
                self.faults.append(f"{where}: {whom} was in it before")
                return
            roles[whom] = "member"
            self.stays.setdefault(whom, []).append(range(number, number))
        elif kind == "renamed":
            self.title = text
        elif whom not in roles:
            self.faults.append(f"{where}: {whom} is not in it")
        elif kind in ("member_removed", "member_left"):
            del roles[whom]
            self._end(whom, number)
        elif kind == "owner_changed":
            roles |= {by: "admin", whom: "owner"}
        else:
            roles[whom] = "admin" if kind == "admin_added" else "member"

    def _end(self, user_id: int, last_id: int) -> None:
        first = self.stays[user_id][-1].start
        self.stays[user_id][-1] = range(first, last_id + 1)
