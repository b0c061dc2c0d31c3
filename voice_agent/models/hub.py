"""Files from where upstream publishes them, over HTTPS, resumed where they broke off."""

import http.client
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from .errors import SourceMissing, SourceUnreachable

_BLOCK = 1 << 20
_GONE = (401, 403, 404, 410)
_RANGE_REFUSED = 416

Response = http.client.HTTPResponse
Advance = Callable[[int], None]
"""Told how many bytes there are so far."""


class Hub:
    """Downloads by URL, and does not ask a host again that did not answer."""

    def __init__(self, give_up_s: float = 2.0, stall_s: float = 30.0) -> None:
        """`give_up_s`: until the first answer, name lookup included; `stall_s`: between bytes."""
        self._give_up_s = give_up_s
        self._stall_s = stall_s
        self._silent_hosts: set[str] = set()

    def fetch(self, url: str, target: Path, advance: Advance) -> None:
        """Append to `target` what it lacks of `url`. Raises SourceUnreachable or SourceMissing."""
        host = urlsplit(url).netloc
        if host in self._silent_hosts:
            raise SourceUnreachable(f"{host} does not answer.")
        try:
            self._fetch(url, target, advance)
        except SourceUnreachable:
            self._silent_hosts.add(host)
            raise

    def _fetch(self, url: str, target: Path, advance: Advance) -> None:
        have = target.stat().st_size if target.exists() else 0
        request = urllib.request.Request(url, headers={"User-Agent": "voice-agent"})
        if have:
            request.add_header("Range", f"bytes={have}-")
        with self._open(request) as response, target.open("ab") as file:
            if response.status != http.HTTPStatus.PARTIAL_CONTENT:
                file.truncate(have := 0)
            _copy(response, file, have, advance)

    def _open(self, request: urllib.request.Request) -> Response:
        """The response, if its head comes in time.

        A socket's timeout covers neither the name lookup nor a proxy's hand-shake, so a thread asks
        and we stop waiting for it.
        """
        host = urlsplit(request.full_url).netloc
        answers: queue.SimpleQueue[Response | OSError | http.client.HTTPException] = (
            queue.SimpleQueue()
        )
        abandoned = threading.Event()

        def ask() -> None:
            try:
                answers.put(urllib.request.urlopen(request, timeout=self._stall_s))
            except (OSError, http.client.HTTPException) as error:
                answers.put(error)
            if abandoned.is_set():
                _discard(answers)

        threading.Thread(target=ask, name="hub", daemon=True).start()
        try:
            answer = answers.get(timeout=self._give_up_s)
        except queue.Empty:
            abandoned.set()
            _discard(answers)
            raise SourceUnreachable(
                f"{host} did not answer within {self._give_up_s:g} seconds."
            ) from None
        if isinstance(answer, urllib.error.HTTPError):
            answer.close()
            if answer.code in _GONE:
                raise SourceMissing(
                    f"{host} does not have the file (HTTP {answer.code})."
                ) from answer
            if answer.code == _RANGE_REFUSED:
                raise SourceMissing(f"{host} has a shorter file than expected.") from answer
        if isinstance(answer, Exception):
            raise SourceUnreachable(f"{host} cannot be reached.") from answer
        return answer


def _copy(response: Response, file: IO[bytes], have: int, advance: Advance) -> None:
    try:
        while block := response.read(_BLOCK):
            file.write(block)
            have += len(block)
            advance(have)
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise SourceUnreachable("The download broke off.") from error


def _discard(answers: "queue.SimpleQueue[Response | OSError | http.client.HTTPException]") -> None:
    try:
        answer = answers.get_nowait()
    except queue.Empty:
        return
    if isinstance(answer, Response | urllib.error.HTTPError):
        answer.close()
