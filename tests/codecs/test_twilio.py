import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_codecs import twilio
from voice_codecs.twilio import CarrierStream, MalformedMessage, Outbound, parse_inbound

WIRE = Path(__file__).parents[1] / "wire" / "twilio"
STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
CALL = "CA0123456789abcdef0123456789abcdef"
ACCOUNT = "AC0123456789abcdef0123456789abcdef"

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def golden(name: str) -> Any:
    return json.loads((WIRE / f"{name}.json").read_text())


INBOUND = [
    ("connected", twilio.Connected("Call", "1.0.0")),
    (
        "start",
        twilio.Start(
            STREAM,
            1,
            ACCOUNT,
            CALL,
            ("inbound",),
            twilio.MediaFormat("audio/x-mulaw", 8000, 1),
            {"token": "abc"},
        ),
    ),
    ("media", twilio.Media(STREAM, 2, "inbound", 1, 171, b"\xff\xfe\xfd\xfc")),
    ("dtmf", twilio.Dtmf(STREAM, 3, "#")),
    ("mark", twilio.Mark(STREAM, 4, "turn 1")),
    ("stop", twilio.Stop(STREAM, 5, ACCOUNT, CALL)),
]
OUTBOUND = [
    ("out_media", twilio.OutMedia(STREAM, b"\xff\xfe\xfd\xfc")),
    ("out_mark", twilio.OutMark(STREAM, "turn 1")),
    ("out_clear", twilio.OutClear(STREAM)),
]


@pytest.mark.parametrize(("name", "message"), INBOUND)
def test_golden_messages_of_the_carrier_are_parsed(name: str, message: twilio.Inbound) -> None:
    text = json.dumps(golden(name))
    assert parse_inbound(text) == message
    assert parse_inbound(text.encode()) == message


@pytest.mark.parametrize(("name", "message"), OUTBOUND)
def test_golden_messages_of_the_server_are_parsed(name: str, message: object) -> None:
    assert twilio.parse_outbound(json.dumps(golden(name))) == message


def test_a_simulated_carrier_speaks_the_golden_messages() -> None:
    carrier = CarrierStream(STREAM, CALL, ACCOUNT)
    said = [
        carrier.connected(),
        carrier.start({"token": "abc"}),
        carrier.media(b"\xff\xfe\xfd\xfc", 171),
        carrier.dtmf("#"),
        carrier.mark("turn 1"),
        carrier.stop(),
    ]
    assert [json.loads(text) for text in said] == [golden(name) for name, _ in INBOUND]


def test_the_server_speaks_the_golden_messages() -> None:
    server = Outbound(STREAM)
    said = [server.media(b"\xff\xfe\xfd\xfc"), server.mark("turn 1"), server.clear()]
    assert [json.loads(text) for text in said] == [golden(name) for name, _ in OUTBOUND]


@given(TEXT, st.binary(max_size=400), TEXT)
def test_what_the_server_says_the_carrier_hears(sid: str, payload: bytes, name: str) -> None:
    server = Outbound(sid)
    assert twilio.parse_outbound(server.media(payload)) == twilio.OutMedia(sid, payload)
    assert twilio.parse_outbound(server.mark(name)) == twilio.OutMark(sid, name)
    assert twilio.parse_outbound(server.clear()) == twilio.OutClear(sid)


@given(
    TEXT,
    st.lists(st.tuples(st.binary(max_size=400), st.integers(0, 2**40)), max_size=4),
    st.dictionaries(TEXT, TEXT, max_size=3),
    st.sampled_from("0123456789ABCD*#"),
)
def test_what_the_carrier_says_the_server_hears(
    sid: str, frames: list[tuple[bytes, int]], parameters: dict[str, str], digit: str
) -> None:
    carrier = CarrierStream(sid, CALL, ACCOUNT)
    start = parse_inbound(carrier.start(parameters))
    assert isinstance(start, twilio.Start)
    assert start.parameters == parameters
    for chunk, (payload, timestamp) in enumerate(frames, 1):
        media = parse_inbound(carrier.media(payload, timestamp))
        assert media == twilio.Media(sid, chunk + 1, "inbound", chunk, timestamp, payload)
    assert parse_inbound(carrier.dtmf(digit)) == twilio.Dtmf(sid, len(frames) + 2, digit)


def test_numbers_are_read_as_numbers_too() -> None:
    wire = golden("media") | {"sequenceNumber": 2}
    assert parse_inbound(json.dumps(wire)) == dict(INBOUND)["media"]


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("media", ("sequenceNumber",), "two"),
        ("media", ("sequenceNumber",), "-1"),
        ("media", ("streamSid",), None),
        ("media", ("media",), "audio"),
        ("media", ("media", "payload"), "not base64!"),
        ("media", ("media", "timestamp"), "1.5"),
        ("dtmf", ("dtmf", "digit"), "12"),
        ("dtmf", ("dtmf", "digit"), "x"),
        ("start", ("start", "mediaFormat", "sampleRate"), "fast"),
        ("start", ("start", "customParameters", "token"), 1),
        ("mark", ("mark", "name"), 7),
        ("stop", ("stop", "callSid"), []),
        ("connected", ("version",), 1),
    ],
)
def test_errors_name_the_field_and_quote_nothing(
    name: str, path: tuple[str, ...], value: object
) -> None:
    wire = golden(name)
    place = wire
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(MalformedMessage) as caught:
        parse_inbound(json.dumps(wire))
    assert "customParameters" in path or path[-1] in str(caught.value)
    assert "not base64!" not in str(caught.value)


@pytest.mark.parametrize("path", [("event",), ("streamSid",), ("media",), ("media", "payload")])
def test_a_missing_field_is_named(path: tuple[str, ...]) -> None:
    wire = golden("media")
    place = wire
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    with pytest.raises(MalformedMessage, match=path[-1]):
        parse_inbound(json.dumps(wire))


def test_unknown_events_are_values_to_the_server_and_errors_to_the_carrier() -> None:
    assert parse_inbound('{"event":"hologram","x":1}') == twilio.Unknown("hologram")
    with pytest.raises(MalformedMessage, match="event"):
        twilio.parse_outbound('{"event":"hologram"}')
    with pytest.raises(MalformedMessage):
        twilio.parse_outbound(json.dumps(golden("start")))


def test_a_payload_may_have_any_length_up_to_the_message_limit() -> None:
    carrier = CarrierStream(STREAM, CALL, ACCOUNT)
    for size in (0, 1, 159, 161, 40000):
        media = parse_inbound(carrier.media(bytes(size), 0))
        assert isinstance(media, twilio.Media)
        assert len(media.payload) == size
    with pytest.raises(MalformedMessage, match="more than 65536 bytes"):
        parse_inbound(carrier.media(bytes(50000), 0))
    with pytest.raises(MalformedMessage, match="more than 65536 bytes"):
        parse_inbound('"' + "é" * 40000 + '"')


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"media"', b"\xff\xfe", "\ud800", "[" * 60000, "{}"]
)
def test_what_is_no_message_is_malformed(text: str | bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_inbound(text)


@given(
    st.text()
    | st.binary()
    | JSON.map(json.dumps)
    | st.fixed_dictionaries(
        {"event": st.sampled_from([name for name, _ in INBOUND])},
        optional={
            key: JSON
            | st.dictionaries(st.sampled_from(["payload", "name", "digit", "chunk"]), JSON)
            for key in ("streamSid", "sequenceNumber", "media", "start", "stop", "mark", "dtmf")
        },
    ).map(json.dumps)
)
def test_nothing_but_malformed_message_comes_out(text: str | bytes) -> None:
    try:
        parse_inbound(text)
    except MalformedMessage as error:
        assert str(error)
