"""Conversations, the account, outgoing calls and the manners of HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from io import BytesIO
from json import dumps

from voice_agent.access.tokens import Tokens
from voice_agent.calls.records import Action, Begun, Conversation, Ended, Message
from voice_agent.personas.persona import Persona
from voice_agent.web.api.ports import CallRefusedBy

from .serving import Api

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


async def kept(api: Api, count: int = 1) -> None:
    for number in range(count):
        id = f"c{number}"
        await api.store.archive.apply(
            [
                Begun(
                    Conversation(
                        id=id,
                        created_at=NOW + timedelta(minutes=number),
                        user_id=f"u{number % 2}",
                        persona_id="p",
                        state={"a": 1},
                    )
                ),
                Message(conversation_id=id, number=0, speaker="caller", text="Hi", at=NOW),
                Message(conversation_id=id, number=1, speaker="agent", text="Hello", at=NOW),
                Action(conversation_id=id, number=1, name="save", arguments="{}", started_at=NOW),
                Ended(id, NOW, "farewell"),
            ]
        )


async def test_a_conversation_can_be_read(api: Api) -> None:
    await kept(api)
    _, body, _ = await api("GET", "/api/conversations/c0")
    assert (body["user_id"], body["status"], body["state"]) == ("u0", "ended", {"a": 1})
    _, body, _ = await api("GET", "/api/conversations/c0/messages", params={"limit": "1"})
    assert ([each["text"] for each in body["items"]], body["next"]) == (["Hi"], "1")
    _, body, _ = await api("GET", "/api/conversations/c0/messages", params={"first": "1"})
    assert ([each["text"] for each in body["items"]], body["next"]) == (["Hello"], None)
    _, body, _ = await api("GET", "/api/conversations/c0/actions")
    assert [each["name"] for each in body["items"]] == ["save"]
    for path in ("", "/messages", "/actions"):
        assert (await api("GET", f"/api/conversations/nobody{path}"))[0] == 404


async def test_conversations_are_listed(api: Api) -> None:
    await kept(api, 5)
    ids: list[str] = []
    params = {"limit": "2"}
    while True:
        _, body, _ = await api("GET", "/api/conversations", params=params)
        ids += [each["id"] for each in body["items"]]
        if body["next"] is None:
            break
        params["after"] = body["next"]
    assert ids == ["c4", "c3", "c2", "c1", "c0"]
    _, body, _ = await api("GET", "/api/conversations", params={"user_id": "u1"})
    assert [each["id"] for each in body["items"]] == ["c3", "c1"]
    for wanted, found in (("since", False), ("until", True)):
        params = {wanted: "9999-01-01T00:00:00+01:00", "limit": "200"}
        status, body, _ = await api("GET", "/api/conversations", params=params)
        assert status == 200 and bool(body["items"]) == found
    for moment in ("2026-01-01T00:00:00", "0001-01-01T00:00:00+12:00", "yesterday"):
        status, body, _ = await api("GET", "/api/conversations", params={"since": moment})
        assert status == 400 and body["errors"][0]["field"] == "since"


async def test_the_state_is_merged_in_the_call_and_in_the_record(api: Api) -> None:
    await kept(api)
    path = "/api/conversations/c0/state"
    status, body, _ = await api("PATCH", path, {"state": {"b": {"c": [1]}}})
    assert (status, body) == (200, {"state": {"a": 1, "b": {"c": [1]}}})
    api.live.ids.add("c0")
    await api("PATCH", path, {"state": {"a": 2}})
    assert api.live.done == [("state", "c0")]
    status, told, _ = await api("PATCH", path, {"state": {"refused": 1}})
    assert status == 400 and "too large" in told["detail"]
    _, body, _ = await api("GET", "/api/conversations/c0")
    assert body["state"] == {"a": 2, "b": {"c": [1]}}


async def test_live_conversations_are_acted_on(api: Api) -> None:
    await kept(api)
    text = {"text": "The taxi is here"}
    for name in ("say", "react", "messages"):
        assert (await api("POST", f"/api/conversations/c0/{name}", text))[0] == 409
    assert (await api("POST", "/api/conversations/c0/end"))[1] == {"done": False}
    api.live.ids.add("c0")
    for name in ("say", "react", "messages"):
        assert (await api("POST", f"/api/conversations/c0/{name}", text))[0] == 200
    assert (await api("POST", "/api/conversations/c0/end"))[1] == {"done": True}
    assert [each[0] for each in api.live.done] == ["say", "react", "user", "end"]


async def test_a_recording_is_paused_while_something_sensitive_is_said(api: Api) -> None:
    await kept(api)
    path = "/api/conversations/c0/recording"
    status, body, _ = await api("PUT", path, {"paused": True})
    assert status == 409 and "not being recorded" in body["detail"]
    api.live.ids.add("c0")
    for paused in (True, False):
        assert (await api("PUT", path, {"paused": paused}))[0] == 200
    assert [each[0] for each in api.live.done] == ["recording paused", "recording goes on"]


async def test_a_client_may_go_on_with_a_conversation(api: Api) -> None:
    """S004-99"""
    await kept(api)
    _, body, _ = await api("POST", "/api/conversations/c0/resume")
    token = Tokens(await api.store.keys.signing_secret(), 900).verify(body["token"])
    assert (token.conversation, token.user_id, token.personas) == ("c0", "u0", ("p",))


async def test_the_account_and_its_users_are_counted(api: Api) -> None:
    """S004-103"""
    ann = await api.store.personas().create(
        Persona.model_validate({"name": "Ann", "rate_limit": {"enabled": True, "count": 2}})
    )
    for _ in range(3):
        await api.store.counters().use(ann.id, "+1123456789", 2, NOW)
    _, body, _ = await api("GET", "/api/account")
    assert body == {
        "workspace": "default",
        "messages": 2,
        "months": [{"month": "2026-11", "messages": 2}],
    }
    users = f"/api/personas/{ann.id}/users"
    _, body, _ = await api("GET", users)
    assert [(each["user_id"], each["used"], each["limit"]) for each in body["items"]] == [
        ("+1123456789", 2, 2)
    ]
    assert (await api("DELETE", f"{users}/%2B1123456789"))[1] == {"done": True}
    assert (await api("GET", users))[1]["items"] == []


async def test_a_call_is_placed_once(api: Api) -> None:
    """S004-87: and the details reach whoever dials."""
    ann = await api.store.personas().create(Persona(name="Ann"))
    path = f"/api/personas/{ann.id}/makecall"
    document = {"phoneNumber": "+14155550123", "details": {"name": "Steve"}}
    assert (await api("POST", path, document))[0] == 409  # A draft calls nobody.
    await api.store.personas().publish(ann.id)
    once = {"Idempotency-Key": "order 7".replace(" ", "-")}
    told = await asyncio.gather(*(api("POST", path, document, headers=once) for _ in range(5)))
    assert {status for status, _, _ in told} <= {200, 409}
    status, body, _ = await api("POST", path, document, headers=once)
    assert (status, body) == (
        200,
        {"id": "call1", "callSid": "CA1", "phoneNumber": "+14155550123"},
    )
    admin = (await api.store.keys.verify(api.key)).id
    assert api.dialer.calls == [("Ann", "+14155550123", {"name": "Steve"}, admin)]
    other = {**document, "phoneNumber": "+14155550124"}
    assert (await api("POST", path, other, headers=once))[0] == 409


async def test_nobody_on_the_list_is_called(api: Api) -> None:
    """S004-89"""
    ann = await api.store.personas().create(Persona(name="Ann"))
    await api.store.personas().publish(ann.id)
    document = {"phoneNumber": "+14155550123"}
    listed = "/api/do-not-call/%2B14155550123"
    assert (await api("PUT", listed, {"reason": "asked us"}))[0] == 200
    assert (await api("POST", f"/api/personas/{ann.id}/makecall", document))[0] == 403
    _, body, _ = await api("GET", "/api/do-not-call")
    assert [each["reason"] for each in body["items"]] == ["asked us"]
    assert (await api("DELETE", listed))[1] == {"done": True}
    for refusal, status in ((CallRefusedBy("no"), 403), (CallRefusedBy("busy", carrier=True), 502)):
        api.dialer.refuse = refusal
        assert (await api("POST", f"/api/personas/{ann.id}/makecall", document))[0] == status
    assert (await api("PUT", "/api/do-not-call/12345", {}))[0] == 404
    assert api.dialer.calls == []


async def test_what_http_asks_for(api: Api) -> None:
    problem = "application/problem+json"
    status, body, headers = await api("PUT", "/api/personas", {"name": "A"})
    assert status == 405 and set(headers["Allow"].split(",")) >= {"GET", "POST"}
    assert headers["Content-Type"].startswith(problem) and body["status"] == 405
    text = {"Content-Type": "text/plain"}
    assert (await api("POST", "/api/personas", data="{}", headers=text))[0] == 415
    json = {"Content-Type": "application/json"}
    for raw in (b"", b"{", b"\xff\xfe", b'{"name": "\\ud800"}', b"[]", b"1" * 5000):
        status, body, headers = await api("POST", "/api/personas", data=raw, headers=json)
        assert status == 400 and headers["Content-Type"].startswith(problem), raw
    large = BytesIO(b'{"name": "A", "prompt": "' + b"x" * (9 << 20) + b'"}')
    assert (await api("POST", "/api/personas", data=large, headers=json))[0] == 413
    for id in ("%00", "a%20b", "%ff", "x" * 200):
        assert (await api("GET", f"/api/personas/{id}"))[0] == 404
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_document_may_be_larger_than_a_form(api: Api) -> None:
    scenario = {"context": "x" * 5000, "userSays": ["y"]}
    document = BytesIO(dumps({"name": "Large", "scenarios": [scenario] * 500}).encode())
    json = {"Content-Type": "application/json"}
    assert (await api("POST", "/api/personas", data=document, headers=json))[0] == 201


async def test_the_documentation_needs_nobody_else(api: Api) -> None:
    status, text, _ = await api("GET", "/api/docs", key="")
    assert status == 200
    assert "/api/personas/{id}/scenarios" in text
    assert "<script" not in text and "http://" not in text.replace(api.url, "")
    _, described, _ = await api("GET", "/api/openapi.json", key="")
    assert described["openapi"].startswith("3.1")
    documented = sum(len(each) for each in described["paths"].values())
    assert documented > 45
    for operations in described["paths"].values():
        assert all(operation["summary"] for operation in operations.values())
