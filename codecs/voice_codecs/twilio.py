"""Twilio Media Streams messages, both directions.

Source: www.twilio.com/docs/voice/media-streams/websocket-messages.

Text in, values out, and back; no socket. The server parses what the carrier says with
`parse_inbound` and answers with `Outbound`. A simulated carrier does the reverse with
`CarrierStream` and `parse_outbound`.

    ValueError
      +-- MalformedMessage    the text is no message of this protocol; its sentence names the field

Numbers travel as strings ("sequenceNumber": "3") except those of `mediaFormat`; both spellings are
read. A message's text never goes into an error: it holds what callers said and typed.
"""

from binascii import b2a_base64
from collections.abc import Mapping
from typing import Annotated, TypeAlias, TypeVar, assert_never

import msgspec
from msgspec import Meta, Struct

MAX_MESSAGE_BYTES = 64 * 1024
"""A carrier's message of 20 ms is under 400 bytes; nothing honest comes near this."""


class MalformedMessage(ValueError):
    """Not a message of this protocol, or too long for one."""


# What the server hears.


class Connected(Struct, frozen=True):
    """The socket is open; `start` follows."""

    protocol: str
    version: str


class MediaFormat(Struct, frozen=True, rename="camel"):
    """What the payloads hold; Twilio sends "audio/x-mulaw", 8000, 1 and nothing else."""

    encoding: str
    sample_rate: int
    channels: int


class Start(Struct, frozen=True):
    """The stream of a call begins."""

    stream_sid: str
    sequence: int
    account_sid: str
    call_sid: str
    tracks: tuple[str, ...]
    media_format: MediaFormat
    parameters: Mapping[str, str]
    """From <Parameter> in the TwiML: ours, but it travelled through the carrier."""


class Media(Struct, frozen=True, gc=False):
    """Audio from the caller."""

    stream_sid: str
    sequence: int
    track: str
    """"inbound" on bidirectional streams."""
    chunk: int
    """From 1, per track."""
    timestamp: int
    """Milliseconds since the stream started; the first is not 0."""
    payload: bytes
    """mu-law, of any length."""


class Dtmf(Struct, frozen=True, gc=False):
    """The caller pressed a key."""

    stream_sid: str
    sequence: int
    digit: str


class Mark(Struct, frozen=True, gc=False):
    """The media before this mark was played, or cleared: `clear` brings all marks back."""

    stream_sid: str
    sequence: int
    name: str


class Stop(Struct, frozen=True, gc=False):
    """The stream or the call ended."""

    stream_sid: str
    sequence: int
    account_sid: str
    call_sid: str


class Unknown(Struct, frozen=True, gc=False):
    """An event this version does not know; the carrier may add some."""

    event: str


Inbound: TypeAlias = Connected | Start | Media | Dtmf | Mark | Stop | Unknown


def parse_inbound(text: str | bytes) -> Inbound:
    """The message that the carrier sent. Raises MalformedMessage."""
    wire = _decode(text, _INBOUND)
    if isinstance(wire, _MediaWire):  # Fifty times a second; the others hardly ever.
        media = wire.media
        return Media(
            wire.stream_sid,
            wire.sequence_number,
            media.track,
            media.chunk,
            media.timestamp,
            media.payload,
        )
    match wire:
        case _MarkWire(sid, sequence, mark):
            return Mark(sid, sequence, mark.name)
        case _DtmfWire(sid, sequence, dtmf):
            return Dtmf(sid, sequence, dtmf.digit)
        case _ConnectedWire(protocol, version):
            return Connected(protocol, version)
        case _StartWire(sid, sequence, start):
            return Start(
                sid,
                sequence,
                start.account_sid,
                start.call_sid,
                start.tracks,
                start.media_format,
                start.custom_parameters,
            )
        case _StopWire(sid, sequence, stop):
            return Stop(sid, sequence, stop.account_sid, stop.call_sid)
        case Unknown():
            return wire
        case _:
            assert_never(wire)


class Outbound:
    """Writes the server's messages for one stream."""

    __slots__ = ("_clear", "_mark", "_media")

    def __init__(self, stream_sid: str) -> None:
        sid = _json(stream_sid)
        self._media = f'{{"event":"media","streamSid":{sid},"media":{{"payload":"'
        self._mark = f'{{"event":"mark","streamSid":{sid},"mark":{{"name":'
        self._clear = f'{{"event":"clear","streamSid":{sid}}}'

    def media(self, payload: bytes) -> str:
        """mu-law to append to what the carrier plays, of any length."""
        return self._media + b2a_base64(payload, newline=False).decode("ascii") + '"}}'

    def mark(self, name: str) -> str:
        """Asks for `name` back when the media sent so far has been played, or cleared."""
        return f"{self._mark}{_json(name)}}}}}"

    def clear(self) -> str:
        """Drops what the carrier has buffered, and brings back all pending marks."""
        return self._clear


# What a simulated carrier hears and says.


class OutMedia(Struct, frozen=True, gc=False):
    """Audio to play."""

    stream_sid: str
    payload: bytes


class OutMark(Struct, frozen=True, gc=False):
    """A mark to send back after the media before it."""

    stream_sid: str
    name: str


class OutClear(Struct, frozen=True, gc=False):
    """Drop the buffer, send back the marks."""

    stream_sid: str


def parse_outbound(text: str | bytes) -> OutMedia | OutMark | OutClear:
    """The message that the server sent.

    Raises MalformedMessage, also for an unknown event: the carrier takes no others.
    """
    wire = _decode(text, _OUTBOUND)
    match wire:
        case _OutMediaWire(sid, media):
            return OutMedia(sid, media.payload)
        case _OutMarkWire(sid, mark):
            return OutMark(sid, mark.name)
        case _OutClearWire(sid):
            return OutClear(sid)
        case Unknown():
            raise MalformedMessage("Unknown event - at `$.event`")
        case _:
            assert_never(wire)


class CarrierStream:
    """Writes the carrier's messages for one stream, numbering them as Twilio does."""

    __slots__ = ("_account_sid", "_call_sid", "_chunk", "_sequence", "_stream_sid")

    def __init__(self, stream_sid: str, call_sid: str, account_sid: str) -> None:
        self._stream_sid = stream_sid
        self._call_sid = call_sid
        self._account_sid = account_sid
        self._sequence = 0
        self._chunk = 0

    def connected(self) -> str:
        """The first message, the only one without number and stream."""
        return _json({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self, parameters: Mapping[str, str] | None = None) -> str:
        """The second message, with the <Parameter>s of the TwiML."""
        start = {
            "accountSid": self._account_sid,
            "streamSid": self._stream_sid,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(parameters or {}),
        }
        return self._numbered("start", start)

    def media(self, payload: bytes, timestamp: int) -> str:
        """mu-law from the caller, `timestamp` milliseconds after the stream started."""
        self._chunk += 1
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(timestamp),
            "payload": payload,
        }
        return self._numbered("media", media)

    def dtmf(self, digit: str) -> str:
        """A key that the caller pressed. The track is "inbound_track" here, not "inbound"."""
        return self._numbered("dtmf", {"track": "inbound_track", "digit": digit})

    def mark(self, name: str) -> str:
        """A mark that the server sent, given back."""
        return self._numbered("mark", {"name": name})

    def stop(self) -> str:
        """The last message."""
        return self._numbered("stop", {"accountSid": self._account_sid, "callSid": self._call_sid})

    def _numbered(self, event: str, body: Mapping[str, object]) -> str:
        self._sequence += 1
        return _json(
            {
                "event": event,
                "sequenceNumber": str(self._sequence),
                event: body,
                "streamSid": self._stream_sid,
            }
        )


# The shapes on the wire.

_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Digit = Annotated[str, Meta(pattern=r"^[0-9A-D*#]\Z")]


class _ConnectedWire(Struct, tag_field="event", tag="connected"):
    protocol: str
    version: str


class _StartBody(Struct, rename="camel"):
    account_sid: str
    call_sid: str
    media_format: MediaFormat
    tracks: tuple[str, ...] = ("inbound",)
    custom_parameters: dict[str, str] = {}


class _StartWire(Struct, rename="camel", tag_field="event", tag="start"):
    stream_sid: str
    sequence_number: _Count
    start: _StartBody


class _MediaBody(Struct, gc=False):
    track: str
    chunk: _Count
    timestamp: _Count
    payload: bytes


class _MediaWire(Struct, rename="camel", tag_field="event", tag="media", gc=False):
    stream_sid: str
    sequence_number: _Count
    media: _MediaBody


class _DtmfBody(Struct, gc=False):
    digit: _Digit


class _DtmfWire(Struct, rename="camel", tag_field="event", tag="dtmf", gc=False):
    stream_sid: str
    sequence_number: _Count
    dtmf: _DtmfBody


class _MarkBody(Struct, gc=False):
    name: str


class _MarkWire(Struct, rename="camel", tag_field="event", tag="mark", gc=False):
    stream_sid: str
    sequence_number: _Count
    mark: _MarkBody


class _StopBody(Struct, rename="camel", gc=False):
    account_sid: str
    call_sid: str


class _StopWire(Struct, rename="camel", tag_field="event", tag="stop", gc=False):
    stream_sid: str
    sequence_number: _Count
    stop: _StopBody


class _OutPayload(Struct, gc=False):
    payload: bytes


class _OutMediaWire(Struct, rename="camel", tag_field="event", tag="media", gc=False):
    stream_sid: str
    media: _OutPayload


class _OutMarkWire(Struct, rename="camel", tag_field="event", tag="mark", gc=False):
    stream_sid: str
    mark: _MarkBody


class _OutClearWire(Struct, rename="camel", tag_field="event", tag="clear", gc=False):
    stream_sid: str


class _AnyEvent(Struct):
    event: str


_INBOUND = msgspec.json.Decoder(
    _ConnectedWire | _StartWire | _MediaWire | _DtmfWire | _MarkWire | _StopWire,
    strict=False,  # numbers arrive as strings
)
_OUTBOUND = msgspec.json.Decoder(_OutMediaWire | _OutMarkWire | _OutClearWire)
_EVENT = msgspec.json.Decoder(_AnyEvent)
_KNOWN = frozenset({"connected", "start", "media", "dtmf", "mark", "stop", "clear"})

_Wire = TypeVar("_Wire")


def _decode(text: str | bytes, decoder: msgspec.json.Decoder[_Wire]) -> _Wire | Unknown:
    """The message in `text`, or its event if that is unheard of."""
    try:
        if _size(text) > MAX_MESSAGE_BYTES:
            raise MalformedMessage(f"message of more than {MAX_MESSAGE_BYTES} bytes")
        try:
            return decoder.decode(text)
        except msgspec.ValidationError:
            event = _EVENT.decode(text).event
            if event in _KNOWN:
                raise
            return Unknown(event)
    except msgspec.DecodeError as error:
        # It names types and the field's path; a value only for an unheard-of event, not here.
        raise MalformedMessage(str(error)) from None
    except (UnicodeError, RecursionError):
        raise MalformedMessage("message is not UTF-8 JSON of sensible depth") from None


def _size(text: str | bytes) -> int:
    if isinstance(text, bytes) or text.isascii():
        return len(text)
    return len(text.encode())


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
