"""The messages of the clients' media socket."""

import json

import pytest

from voice_codecs.browser import (
    ActionTaken,
    AiSpeechEnded,
    AiSpeechStarted,
    End,
    Error,
    Flush,
    FromClient,
    FromServer,
    Init,
    MalformedMessage,
    MessageLimitReached,
    MessagesUpdate,
    Mute,
    Paused,
    Ping,
    Played,
    Pong,
    ReactTo,
    Ready,
    Said,
    SayText,
    StateUpdated,
    UpdateState,
    UserSpeechEnded,
    UserSpeechStarted,
    UserText,
    parse_client,
    parse_server,
    serialize,
)

CLIENT: list[tuple[FromClient, str]] = [
    (
        Init("t", persona_name="Anna", user_id="u1", details={"a": {"b": [1]}}, sample_rate=8000),
        '{"type":"init","token":"t","personaId":"","personaName":"Anna","userId":"u1",'
        '"conversationId":"","details":{"a":{"b":[1]}},"sampleRate":8000,"unsaved":false}',
    ),
    (UpdateState({"page": 2}), '{"type":"update_state","state":{"page":2}}'),
    (SayText("Hi."), '{"type":"say_text","text":"Hi."}'),
    (ReactTo("He left."), '{"type":"react_to","text":"He left."}'),
    (UserText("Hello"), '{"type":"user_text","text":"Hello"}'),
    (Mute(True), '{"type":"mute","muted":true}'),
    (Played(1, 320), '{"type":"played","generation":1,"samples":320}'),
    (Ping(), '{"type":"ping"}'),
    (End(), '{"type":"end"}'),
]
SERVER: list[tuple[FromServer, str]] = [
    (
        Ready("c1", "t", 16_000, True, {"k": 1}),
        '{"type":"ready","conversationId":"c1","resumeToken":"t","sampleRate":16000,'
        '"resumed":true,"state":{"k":1}}',
    ),
    (ActionTaken({"show": {"page": 1}}), '{"type":"action","action":{"show":{"page":1}}}'),
    (StateUpdated({"k": None}), '{"type":"state_updated","state":{"k":null}}'),
    (
        MessagesUpdate([Said("0", "ai", "Good", "Good day.")], "he"),
        '{"type":"messages_update","messages":[{"messageId":"0","source":"ai","content":"Good",'
        '"intended":"Good day."}],"interim":"he"}',
    ),
    (UserSpeechStarted(), '{"type":"user_speech_started"}'),
    (UserSpeechEnded(), '{"type":"user_speech_ended"}'),
    (AiSpeechStarted(), '{"type":"ai_speech_started"}'),
    (AiSpeechEnded(), '{"type":"ai_speech_ended"}'),
    (
        MessageLimitReached("Enough."),
        '{"type":"message_limit_reached","message":"Enough."}',
    ),
    (Flush(3), '{"type":"flush","generation":3}'),
    (Paused("c1", "t"), '{"type":"paused","conversationId":"c1","resumeToken":"t"}'),
    (Pong(), '{"type":"pong"}'),
    (Error("busy", "No."), '{"type":"error","code":"busy","message":"No."}'),
]


@pytest.mark.parametrize(("message", "text"), CLIENT)
def test_what_clients_say(message: FromClient, text: str) -> None:
    assert serialize(message) == text
    assert parse_client(text) == message


@pytest.mark.parametrize(("message", "text"), SERVER)
def test_what_the_server_says(message: FromServer, text: str) -> None:
    assert serialize(message) == text
    assert parse_server(text) == message


def test_only_the_token_is_needed() -> None:
    assert parse_client('{"type": "init", "token": "t", "future": 1}') == Init("t")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "\ud800",
        '{"type": "sing"}',
        '{"type": "init"}',
        '{"type": "say_text", "text": ""}',
        json.dumps({"type": "say_text", "text": "x" * 4001}),
        '{"type": "played", "generation": -1, "samples": 0}',
        '{"type": "update_state", "state": []}',
        "[" * 60_000,
    ],
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_client(text)


def test_the_problem_names_the_field_and_not_its_value() -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_client('{"type": "user_text", "text": 4111}')
    assert str(caught.value) == "a field is wrong: $.text"
    with pytest.raises(MalformedMessage) as caught:
        parse_client('{"type": "init", "secret-token-name": 1}')
    assert "secret" not in str(caught.value)
