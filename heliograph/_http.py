"""Calls over HTTP: `POST {server}/api/<method>`."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import httpx2
import msgspec

from api.errors import ApiError, Problem
from api.frames import encode
from api.methods import Method, Params
from heliograph._config import Timeouts
from heliograph._errors import ConnectionLost, ProtocolError

_decode_problem = msgspec.json.Decoder(Problem).decode
_result_decoders: dict[str, msgspec.json.Decoder[Any]] = {}


def decode_result(method: Method, body: bytes | msgspec.Raw) -> Any:
    """The result of a method. Raises `ProtocolError`."""
    decoder = _result_decoders.get(method.name)
    if decoder is None:
        decoder = _result_decoders[method.name] = msgspec.json.Decoder(method.result)
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProtocolError(f"the answer to {method.name} is not understood: {error}") from error


class Http:
    """Connections to one server; `server` is its address without a slash at the end."""

    def __init__(self, server: str, timeouts: Timeouts, context: ssl.SSLContext | None) -> None:
        self.server = server
        timeout = httpx2.Timeout(timeouts.attempt_s, connect=timeouts.connect_s)
        self._http = httpx2.AsyncClient(
            base_url=server, timeout=timeout, verify=True if context is None else context
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def call(self, params: Params, token: str, timeout_s: float) -> Any:
        """One attempt. Raises `ApiError`, `ConnectionLost`, `ProtocolError`."""
        method = params.method
        headers = {"content-type": "application/json"}
        if method.auth and token:
            headers["authorization"] = f"Bearer {token}"
        timeout = httpx2.Timeout(timeout_s, connect=min(timeout_s, self._connect_s))
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._http.post(
                    f"/api/{method.name}", content=encode(params), headers=headers, timeout=timeout
                )
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            why = str(error) or "no answer"
            raise ConnectionLost(f"cannot reach {self.server}: {why}", maybe_done=False) from error
        except TimeoutError as error:
            raise ConnectionLost(f"no answer to {method.name} in time") from error
        except httpx2.RequestError as error:
            raise ConnectionLost(f"the connection to {self.server} broke: {error!r}") from error
        if answer.status_code == 200:
            return decode_result(method, answer.content)
        raise self._refusal(answer)

    @property
    def _connect_s(self) -> float:
        return self._http.timeout.connect or 5.0

    def _refusal(self, answer: httpx2.Response) -> Exception:
        try:
            return ApiError.from_problem(_decode_problem(answer.content))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            status = answer.status_code
        if status in (502, 503, 504):
            # 503: there was no server to ask; after the others it may have been asked.
            why = f"a proxy before {self.server} answers {status}"
            return ConnectionLost(why, maybe_done=status != 503)
        return ProtocolError(
            f"{self.server} answers {status} and not as a Heliograph server; is the address right?"
        )
