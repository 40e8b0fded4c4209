"""The gateway: from a method of the contract to the actors that carry it out. Edges and API
replicas have one each.

Most methods are one request to one actor (`fronts.routes`); what one cannot answer alone is
completed in `fronts.completed`.
"""

from __future__ import annotations

from actors.tickets import Ticket
from api import limits
from api import methods as m
from api.ambient import now_ms
from api.errors import ApiError
from api.frames import encode as to_json
from fronts.asking import Asker
from fronts.completed import COMPLETED
from fronts.routes import is_simple, route
from runtime.link import Answer
from runtime.refs import Caller


class Gateway(Asker):
    """See the module."""

    def simple(self, params: m.Params, body: bytes, caller: Caller, answer: Answer) -> bool:
        """Carry out a method that is one request to one actor, without a task of its own. False if
        it is not of that sort. `answer` is called once. Raises `ApiError` for what is refused at
        once."""
        if not is_simple(params):
            return False
        self._check(params, caller)
        target = route(params, caller)
        method = params.method
        self.link(target).request(target, method.name, body, caller, answer, read=method.read)
        return True

    async def call(
        self, params: m.Params, caller: Caller, *, deadline_s: float = limits.REQUEST_DEADLINE_S
    ) -> bytes:
        """Carry out a method; returns the JSON of its result. Raises `ApiError`."""
        if is_simple(params):
            self._check(params, caller)
            method = params.method
            return await self._request(
                route(params, caller),
                method.name,
                to_json(params),
                caller,
                method.read,
                deadline_s,
            )
        completed = COMPLETED[type(params)]
        result: bytes = to_json(await completed(self, params, caller))
        return result

    def _check(self, params: m.Params, caller: Caller) -> None:
        """A file can be sent, or made a picture, by whoever has uploaded it."""
        for name in params.method.tickets:
            if sealed := getattr(params, name):
                ticket = self.seal.open(Ticket, sealed, now_ms())
                if ticket.user_id != caller.user_id:
                    raise ApiError("ticket_invalid", "somebody else uploaded this file")
