"""Short ways to call the API in a handler test, and to hold an answer against what was promised."""

import io
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from yarl import URL

from omnimem.errors import OmnimemError

JSON = "application/json"


class Reply(msgspec.Struct, frozen=True):
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def fields(self) -> list[str]:
        """The fields that a 422 says are wrong."""
        return [error["field"] for error in self.json["errors"]]


class Api:
    """Calls the routes of a daemon."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.call("GET", path, headers=_named(headers))

    async def post(self, path: str, body: object = None, **headers: str) -> Reply:
        return await self.call("POST", path, _encoded(body), _named(headers))

    async def patch(self, path: str, body: object = None, **headers: str) -> Reply:
        return await self.call("PATCH", path, _encoded(body), _named(headers))

    async def delete(self, path: str, **headers: str) -> Reply:
        return await self.call("DELETE", path, headers=_named(headers))

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        media_type: str = JSON,
    ) -> Reply:
        """Send exactly *path* and *body*: nothing is quoted or encoded on the way."""
        sent = dict(headers or {})
        data = io.BytesIO(body) if body is not None and len(body) > 2**20 else body  # aiohttp warns of large bytes
        if body is not None:
            sent.setdefault("Content-Type", media_type)
        async with self.client.request(
            method, URL(path, encoded=True), data=data, headers=sent, allow_redirects=False
        ) as response:
            return await _reply(response)


async def _reply(response: ClientResponse) -> Reply:
    return Reply(response.status, response.headers, await response.read())


def _encoded(body: object) -> bytes | None:
    return body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    """Return *headers*, written as Python names, as they are called."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def expect_problem(reply: Reply, error: type[OmnimemError], *fields: str) -> None:
    """Hold *reply* against what every failure promises, and against *error*; *fields* are those a 422 names."""
    assert (reply.status, reply.json["code"]) == (error.status, error.code), reply.body
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Omnimem-Version"]
    problem = reply.json
    assert list(problem)[:6] == ["type", "title", "status", "code", "detail", "hint"]
    assert set(problem) <= {"type", "title", "status", "code", "detail", "hint", "errors"}
    assert problem["type"] == "about:blank"
    assert problem["title"] == error.title
    assert problem["status"] == error.status
    assert problem["detail"]
    assert problem["hint"]
    if error.status == 422:
        assert all(set(one) == {"field", "message"} and one["message"] for one in problem["errors"])
    if fields:
        assert reply.fields == list(fields)
    if error.status == 503:
        assert int(reply.headers["Retry-After"]) > 0
    told = reply.body.decode().lower()
    assert not any(word in told for word in ("traceback", "sqlite", "insert into", "apsw", ".py"))
