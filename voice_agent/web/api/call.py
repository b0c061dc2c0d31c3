"""One request to the API, once it is known who asks."""

from dataclasses import dataclass

from aiohttp import web

from ...access.keys import ApiKey
from .problem import ApiProblem


@dataclass(frozen=True, slots=True)
class Call:
    """A request and the key that it came with."""

    request: web.Request
    key: ApiKey | None
    """None where no key is needed."""
    legacy: bool = False
    """The key came as ``apikey`` in the query, as older integrations send it."""

    @property
    def known(self) -> ApiKey:
        """The key, where the route needs one."""
        if self.key is None:
            raise ApiProblem(401)
        return self.key

    @property
    def workspace(self) -> str:
        return self.known.workspace

    def if_match(self) -> str | None:
        """The etag that the client has; None if any will do. Raises ApiProblem."""
        given = self.request.headers.get("If-Match", "").strip()
        if given in ("", "*"):
            return None
        etag = given.removeprefix("W/")
        if len(etag) < 2 or etag[0] != '"' or etag[-1] != '"':
            raise ApiProblem(400, 'The header If-Match must be an ETag in quotes, such as "3".')
        return etag[1:-1]
