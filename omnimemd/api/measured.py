"""How long requests take, by what they ask, and how long the loop takes to come round meanwhile."""

import asyncio
import time
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from omnimemd.domain.measuring import SECONDS, Histogram

#: In place of a route where there is none, and of a status where nobody was left to be answered.
UNMATCHED: Final = "unmatched"
ABORTED: Final = "aborted"


class Kind(msgspec.Struct, frozen=True):
    """Requests that are counted together: there are no more kinds than routes, times five."""

    method: str  #: one of the API's, or UNMATCHED
    route: str  #: with its ids in braces, or UNMATCHED
    status: str  #: "2xx" and so on, or ABORTED


class Requests:
    """Counts them. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        """Begin with none."""
        self.seconds: dict[Kind, Histogram] = {}
        self.loop_lag = Histogram(SECONDS)  #: what a turn of the loop took that a request came in
        self._by_route: dict[tuple[object, str, int], Histogram] = {}  # found faster than by kind
        self._turn = 0.0  # when the present turn of the loop was seen to begin, 0 when not yet

    def middleware(self) -> Middleware:
        """Return what counts every request that goes through it: put it around all others."""

        @web.middleware
        async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
            began = time.monotonic()
            if not self._turn:
                self._turn = began
                asyncio.get_running_loop().call_soon(self._came_round)
            status = 0
            try:
                answered = await handler(request)
                status = answered.status // 100
                return answered
            finally:
                self._of(request, status).add(time.monotonic() - began)

        return measured

    def _came_round(self) -> None:
        self.loop_lag.add(time.monotonic() - self._turn)
        self._turn = 0.0

    def _of(self, request: web.Request, status: int) -> Histogram:
        resource = request.match_info.route.resource
        place = (resource, request.method if resource is not None else "", status)
        found = self._by_route.get(place)
        if found is None:
            route = UNMATCHED if resource is None else resource.canonical
            kind = Kind(place[1] or UNMATCHED, route, f"{status}xx" if status else ABORTED)
            found = self._by_route[place] = self.seconds.setdefault(kind, Histogram(SECONDS))
        return found
