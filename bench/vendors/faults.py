"""How a vendor fails: which of its APIs, in what way, for how long."""

import socket
from dataclasses import dataclass
from enum import StrEnum


class Api(StrEnum):
    """One service of one vendor."""

    LISTEN = "Deepgram /v1/listen"
    SPEAK = "Deepgram /v1/speak"
    ELEVENLABS = "ElevenLabs multi-stream-input"
    CHAT = "OpenAI /v1/chat/completions"
    TRANSCRIBE = "OpenAI /v1/audio/transcriptions"
    SPEECH = "OpenAI /v1/audio/speech"


class Kind(StrEnum):
    """What happens to a request, or to the whole connection where there are no requests."""

    SLOW = "slow"
    """Answered, but `Delays.slow_ms` later."""
    STALLED = "stalled"
    """The connection stays open and nothing comes."""
    HALF_CLOSED = "half-closed"
    """The vendor closes its direction of the connection and goes on reading."""
    GARBAGE = "garbage"
    """An answer that the protocol does not know."""
    UNAUTHORIZED = "unauthorized"
    """401."""
    BUSY = "busy"
    """429 with Retry-After."""
    BROKEN = "broken"
    """503."""
    BAD_REQUEST = "bad request"
    """400."""
    QUOTA = "quota exhausted"
    """402, or as the vendor says it."""
    DROPPED = "dropped in the middle"
    """The connection is aborted in mid-utterance or mid-sentence."""
    HANGS = "hangs in the middle"
    """It falls silent in mid-utterance or mid-sentence."""
    CUT_OFF = "cut off"
    """The answer ends in mid-sentence as if it were complete."""
    BLANK = "white space"
    """The model writes white space for ever."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` happens to `times` requests (None: to all) after the first `after` healthy ones."""

    kind: Kind
    times: int | None = None
    after: int = 0


class Faults:
    """The plan of every API. It may be changed while calls are live."""

    def __init__(self) -> None:
        self._plans: dict[Api, Fault] = {}
        self._asked: dict[Api, int] = {}

    def plan(self, api: Api, fault: Fault | None) -> None:
        """Let `fault` happen from the next request on; None heals."""
        self._asked[api] = 0
        if fault is None:
            self._plans.pop(api, None)
        else:
            self._plans[api] = fault

    def next(self, api: Api) -> Kind | None:
        """What happens to the request that has just come."""
        number = self._asked.get(api, 0)
        self._asked[api] = number + 1
        fault = self._plans.get(api)
        if fault is None or number < fault.after:
            return None
        lasts = fault.times is None or number < fault.after + fault.times
        return fault.kind if lasts else None


UNRESOLVABLE = "http://vendor.invalid"
"""RFC 6761: no such host, ever."""


def refused_url() -> str:
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
