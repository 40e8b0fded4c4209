"""Calls over HTTP: `POST {server}/api/<method>`."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import httpx2
import msgspec

from api.errors import ApiError, Problem
from api.frames import encode
from api.methods import Method, Params
from api.refusals import malformed
from heliograph._config import Timeouts
from heliograph._errors import ConnectionLost, ProtocolError

R = TypeVar("R")

BYTES_S = 60.0
"""Nothing moves for so long: the connection is lost."""
PIECE_BYTES = 256 * 1024

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


def check(params: Params) -> None:
    """Refuse, before anything is sent, what does not fit the method: other types, texts that are
    not Unicode, what is too long. Raises `ApiError` as the server would."""
    try:
        encode(params)
        given = msgspec.structs.asdict(params).items()
        told = {name: value for name, value in given if value is not msgspec.UNSET}
        msgspec.convert(told, type(params))
    except msgspec.ValidationError as error:
        raise malformed(error) from error
    except UnicodeEncodeError as error:
        raise ApiError("invalid_params", "there is a text that is not Unicode") from error
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ApiError("invalid_params", f"this cannot be sent: {error}") from error


async def _each(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    """One by one: a transport moves what it could not send yet, again and again."""
    for piece in pieces:
        yield piece


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
        with self._losing(method.name):
            async with asyncio.timeout(timeout_s):
                answer = await self._http.post(
                    f"/api/{method.name}", content=encode(params), headers=headers, timeout=timeout
                )
        if answer.status_code == 200:
            return decode_result(method, answer.content)
        raise self._refusal(answer)

    async def put(
        self,
        verb: str,
        path: str,
        token: str,
        asked: Mapping[str, str | list[str]],
        pieces: Sequence[bytes],
        result: type[R],
    ) -> R:
        """Send bytes, once. Raises `ApiError`, `ConnectionLost`, `ProtocolError`."""
        headers = {
            "authorization": f"Bearer {token}",
            "content-length": f"{sum(map(len, pieces))}",
        }
        with self._losing(path):
            answer = await self._http.request(
                verb,
                path,
                params=asked,
                content=_each(pieces),
                headers=headers,
                timeout=self._bytes_s,
            )
        if answer.status_code != 200:
            raise self._refusal(answer)
        try:
            return msgspec.json.decode(answer.content, type=result)
        except msgspec.MsgspecError as error:
            raise ProtocolError(f"the answer to {path} is not understood: {error}") from error

    async def pieces(self, path: str, token: str, start: int) -> AsyncGenerator[bytes, None]:
        """A file from a byte on. Close it when you leave it. Raises `ApiError`, `ConnectionLost`,
        `ProtocolError`."""
        headers = {"authorization": f"Bearer {token}", "accept-encoding": "identity"}
        if start:
            headers["range"] = f"bytes={start}-"
        with self._losing(path):
            async with self._http.stream(
                "GET", path, headers=headers, timeout=self._bytes_s
            ) as answer:
                if start and answer.status_code == 200:
                    raise ProtocolError(f"{self.server} sends files only from their beginning")
                if answer.status_code != (206 if start else 200):
                    await answer.aread()
                    raise self._refusal(answer)
                async for piece in answer.aiter_bytes(PIECE_BYTES):
                    yield piece

    @contextlib.contextmanager
    def _losing(self, what: str) -> Iterator[None]:
        """Say of everything that can become of a connection that it is lost."""
        try:
            yield
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            why = str(error) or "no answer"
            raise ConnectionLost(f"cannot reach {self.server}: {why}", maybe_done=False) from error
        except TimeoutError as error:
            raise ConnectionLost(f"no answer to {what} in time") from error
        except httpx2.RequestError as error:
            raise ConnectionLost(f"the connection to {self.server} broke: {error!r}") from error

    @property
    def _connect_s(self) -> float:
        return self._http.timeout.connect or 5.0

    @property
    def _bytes_s(self) -> httpx2.Timeout:
        return httpx2.Timeout(BYTES_S, connect=self._connect_s)

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
