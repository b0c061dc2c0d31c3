"""Personas over HTTP: drafts, publication, what is refused, what older integrations send."""

from typing import Any

import pytest

from .serving import Api

SCENARIO = {
    "context": "The caller is late",
    "personaSays": [],
    "userSays": ["I am late"],
    "responseGuidelines": "Be kind",
}


async def made(api: Api, **fields: Any) -> dict[str, Any]:
    status, body, _ = await api("POST", "/api/personas", {"name": "Ann", **fields})
    assert status == 201, body
    assert isinstance(body, dict)
    return body


async def test_a_persona_from_draft_to_calls_and_back(api: Api) -> None:
    status, body, headers = await api("POST", "/api/personas", {"name": "Ann", "prompt": "One"})
    assert (status, body["version"], body["published"]) == (201, 0, None)
    path = headers["Location"]
    assert path == f"/api/personas/{body['id']}"
    status, body, _ = await api("POST", f"{path}/publish")
    assert (status, body["version"], body["published"]["prompt"]) == (200, 1, "One")
    await api("PUT", path, {"name": "Ann", "prompt": "Two"})
    _, body, _ = await api("GET", path)
    assert (body["draft"]["prompt"], body["published"]["prompt"]) == ("Two", "One")
    await api("POST", f"{path}/publish")
    status, body, _ = await api("POST", f"{path}/rollback", {"version": 1})
    assert (status, body["version"], body["published"]["prompt"]) == (200, 3, "One")
    _, body, _ = await api("GET", f"{path}/versions", params={"limit": "2"})
    assert [each["version"] for each in body["items"]] == [3, 2]
    _, body, _ = await api("GET", f"{path}/versions", params={"after": body["next"]})
    assert [each["version"] for each in body["items"]] == [1] and body["next"] is None
    assert (await api("GET", f"{path}/versions/2"))[1]["prompt"] == "Two"
    assert (await api("DELETE", path))[0] == 200
    assert (await api("GET", path))[0] == 404


async def test_the_list_tells_what_calls_do_not_get_yet(api: Api) -> None:
    persona = await made(api, language="it", telephone={"numbers": ["+390612345678"]})
    path = f"/api/personas/{persona['id']}"

    async def listed() -> dict[str, Any]:
        _, body, _ = await api("GET", "/api/personas")
        return dict(body["items"][0])

    one = await listed()
    assert (one["status"], one["language"], one["numbers"]) == ("draft", "it", ["+390612345678"])
    await api("POST", f"{path}/publish")
    assert (await listed())["status"] == "published"
    await api("PUT", path, {"name": "Ann", "prompt": "Another"})
    assert (await listed())["status"] == "changed"


async def test_others_may_join_unless_it_is_turned_off(api: Api) -> None:
    """S000-23."""
    assert (await made(api))["draft"]["in_call_users"] is True
    off = await made(api, name="Bob", in_call_users=False)
    _, body, _ = await api("GET", f"/api/personas/{off['id']}")
    assert body["draft"]["in_call_users"] is False


async def test_of_two_who_edit_the_second_is_told(api: Api) -> None:
    persona = await made(api)
    path = f"/api/personas/{persona['id']}"
    _, _, headers = await api("GET", path)
    tag = {"If-Match": headers["ETag"]}
    status, _, changed = await api("PUT", path, {"name": "Ann", "prompt": "1"}, headers=tag)
    assert status == 200 and changed["ETag"] != headers["ETag"]
    status, body, _ = await api("PUT", path, {"name": "Ann", "prompt": "2"}, headers=tag)
    assert (status, body["status"]) == (412, 412)
    assert (await api("POST", f"{path}/publish", headers=tag))[0] == 412
    assert (await api("PUT", path, {"name": "Ann"}, headers={"If-Match": "3"}))[0] == 400
    assert (await api("GET", path))[1]["draft"]["prompt"] == "1"


async def test_the_problem_names_the_field(api: Api) -> None:
    table: list[tuple[dict[str, Any], str]] = [
        ({}, "name"),
        ({"name": "A", "colour": "red"}, "colour"),
        ({"name": "A", "prompt": "nul \0"}, "prompt"),
        ({"name": "A", "timezone": "Mars/Base"}, "timezone"),
        ({"name": "A", "rate_limit": {"count": -1}}, "rate_limit.count"),
        ({"name": "A", "scenarios": [SCENARIO, {"context": "x"}]}, "scenarios[1]"),
        ({"name": "A", "llm": "no-such-model"}, "llm"),
        ({"name": "A", "actions_schema": {"$schema": "x"}}, "actions_schema.$schema"),
        ({"name": "A", "endpointing": {"nothing": 1}}, "endpointing"),
    ]
    for document, field in table:
        status, body, headers = await api("POST", "/api/personas", document)
        assert status == 400, document
        assert headers["Content-Type"].startswith("application/problem+json")
        assert field in [each["field"] for each in body["errors"]], body
        assert body["title"] and body["type"] == "about:blank"


async def test_the_name_is_taken(api: Api) -> None:
    await made(api)
    status, body, _ = await api("POST", "/api/personas", {"name": "Ann"})
    assert status == 409 and "Ann" in body["detail"]


async def test_what_is_doubtful_is_told_when_it_is_saved(api: Api) -> None:
    persona = await made(api, prompt="You are Ann. {{nonsense}}")
    assert "unknown-keyword" in {each["code"] for each in persona["findings"]}
    _, body, _ = await api("GET", f"/api/personas/{persona['id']}/lint")
    assert body["findings"] == persona["findings"]
    _, body, _ = await api("POST", "/api/lint", {"name": "B", "prompt": "{{nonsense}}"})
    assert body["findings"] and len((await api("GET", "/api/personas"))[1]["items"]) == 1


async def test_a_list_is_given_page_by_page(api: Api) -> None:
    for number in range(5):
        await made(api, name=f"P{number}")
    names: list[str] = []
    params = {"limit": "2"}
    while True:
        _, body, _ = await api("GET", "/api/personas", params=params)
        assert len(body["items"]) <= 2
        names += [each["name"] for each in body["items"]]
        if body["next"] is None:
            break
        params["after"] = body["next"]
    assert names == [f"P{number}" for number in range(5)]
    for wrong in ({"limit": "0"}, {"limit": "many"}, {"after": "%%"}, {"unknown": "1"}):
        assert (await api("GET", "/api/personas", params=wrong))[0] == 400


@pytest.mark.parametrize("accept", ["application/toml", "application/json"])
async def test_a_file_makes_the_same_persona(api: Api, accept: str) -> None:
    persona = await made(api, prompt='Say "hi"\n', scenarios=[SCENARIO], language="de")
    path = f"/api/personas/{persona['id']}"
    _, _, headers = await api("GET", f"{path}/export", headers={"Accept": accept})
    async with api.session.get(
        f"{api.url}{path}/export",
        headers={"Accept": accept, "Authorization": f"Bearer {api.key}"},
    ) as response:
        text = await response.text()
    assert headers["Content-Type"].startswith(accept)
    kind = {"Content-Type": accept}
    status, body, _ = await api("POST", "/api/import", headers=kind, data=text)
    assert (status, body["id"], body["draft"]) == (200, persona["id"], persona["draft"])
    await api("DELETE", path)
    status, body, _ = await api("POST", "/api/import", headers=kind, data=text)
    assert (status, body["draft"]) == (200, persona["draft"])
    assert body["id"] != persona["id"]


async def test_a_file_of_the_first_releases_is_imported(api: Api) -> None:
    text = 'name = "Ann"\ninstructions = "You are Ann."\n[phrases]\ngreeting = "Hi."\n'
    kind = {"Content-Type": "application/toml"}
    status, body, _ = await api("POST", "/api/import", headers=kind, data=text)
    assert status == 200
    draft = body["draft"]
    assert (draft["prompt"], draft["initial_message"]) == ("You are Ann.", "Hi.")


async def test_scenarios_are_replaced(api: Api) -> None:
    """S004-76: 200, and GET shows the new set only; at once for new calls."""
    persona = await made(api, scenarios=[SCENARIO, SCENARIO])
    path = f"/api/personas/{persona['id']}"
    await api("POST", f"{path}/publish")
    other = {**SCENARIO, "context": "Other", "personaSays": ["Hello"], "userSays": []}
    status, _, _ = await api("PUT", f"{path}/scenarios", {"scenarios": [other]})
    assert status == 200
    _, body, _ = await api("GET", path)
    assert body["draft"]["scenarios"] == body["published"]["scenarios"] == [other]


async def test_half_a_scenario_is_refused_by_its_index(api: Api) -> None:
    """S004-77: either side may be empty, not both."""
    path = f"/api/personas/{(await made(api))['id']}/scenarios"
    empty = {**SCENARIO, "userSays": [], "personaSays": []}
    blank = {**SCENARIO, "userSays": [" "], "personaSays": [""]}
    for wrong in (empty, blank):
        status, body, _ = await api("PUT", path, {"scenarios": [SCENARIO, SCENARIO, wrong]})
        assert status == 400
        assert [each["field"] for each in body["errors"]] == ["scenarios[2]"]
    for right in (SCENARIO, {**SCENARIO, "userSays": [], "personaSays": ["Hi"]}):
        assert (await api("PUT", path, {"scenarios": [right]}))[0] == 200


async def test_older_integrations_are_served_as_ever(api: Api) -> None:
    """S004-02, S004-03: the paths, bodies and the key in the query of existing clients."""
    id = (await made(api))["id"]
    await api("POST", f"/api/personas/{id}/publish")
    secret = (await api.store.keys.create("secret", "default")).text
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "hang_up_call": {
                "_description": "When the user says good-bye.",
                "_examples": [{"user says": "Bye", "assistant action includes": {}}],
            }
        },
    }
    custom = {"base_url": "https://llm.example/v1", "model": "ft:mine:42"}
    puts: list[tuple[str, dict[str, Any]]] = [
        ("prompt", {"prompt": "You are Ann."}),
        ("initialMessage", {"initialMessage": "Hello {{details.name}}"}),
        ("rateLimitMessage", {"rateLimitMessage": "Enough.", "rateLimit": 3}),
        ("toggleRateLimit", {"enabled": True}),
        ("schema", schema),
        ("scenarios", {"scenarios": [SCENARIO]}),
        ("llm", {"llm": custom}),
        ("llm", {"llm": "groq"}),
        ("twilio", {"phoneNumber": "+1 1234 56789", "accountSid": "AC1", "authToken": "secret"}),
    ]
    for name, document in puts:
        status, body, _ = await api(
            "PUT", f"/api/personas/{id}/{name}", document, key="", params={"apikey": secret}
        )
        assert status == 200, (name, body)
    status, body, _ = await api("GET", "/api/personas", key="", params={"apikey": secret})
    assert status == 200
    assert body == [
        {
            "_id": id,
            "name": "Ann",
            "currentVoicePrompt": "You are Ann.",
            "currentVoiceSchema": schema,
            "initialMessage": "Hello {{details.name}}",
            "rateLimitMessage": "Enough.",
            "rateLimit": 3,
            "rateLimitEnabled": True,
            "scenarios": [SCENARIO],
            "llm": "groq",
            "voiceId": None,
            "phoneNumber": "+1123456789",
        }
    ]
    _, body, _ = await api("GET", f"/api/personas/{id}")
    assert body["version"] == 1 + len(puts)
    assert body["draft"] == body["published"]
    status, body, _ = await api("GET", "/api/llms", key="", params={"apikey": secret})
    assert status == 200 and "groq" in {each["name"] for each in body}
    status, body, _ = await api("GET", "/api/team", key="", params={"apikey": secret})
    assert (status, body["name"]) == (200, "default")
    status, body, _ = await api(
        "GET", "/api/voices/known/sample", key="", params={"apikey": secret}
    )
    assert (status, body) == (200, "ID3")
    assert (await api("GET", "/api/voices/unknown/sample"))[0] == 404


@pytest.mark.parametrize(
    ("link", "voice", "added"),
    [
        (
            "https://elevenlabs.io/app/voice-lab/share/0123abcd/VoiceIdOf20Letters12",
            "ownVoiceIdOf20Letters12",
            [("0123abcd", "VoiceIdOf20Letters12", "Ann")],
        ),
        (
            "https://elevenlabs.io/app/voice-library?voiceId=VoiceIdOf20Letters12",
            "VoiceIdOf20Letters12",
            [],
        ),
        ("VoiceIdOf20Letters12", "VoiceIdOf20Letters12", []),
    ],
)
async def test_a_shared_voice_is_imported_by_link_and_name(
    api: Api, link: str, voice: str, added: list[tuple[str, str, str]]
) -> None:
    """S004-06, S004-08"""
    await made(api)
    status, body, _ = await api("POST", "/api/voices/import", {"link": link, "persona": "Ann"})
    assert status == 200
    assert body["draft"]["voice"]["voice_id"] == body["published"]["voice"]["voice_id"] == voice
    assert body["draft"]["voice"]["provider"] == "elevenlabs"
    assert api.voices.added == added


async def test_what_is_no_voice_is_refused(api: Api) -> None:
    await made(api)
    wrong = {"link": "https://elevenlabs.io/pricing", "persona": "Ann"}
    assert (await api("POST", "/api/voices/import", wrong))[0] == 400
    unknown = {"link": "VoiceIdOf20Letters12", "persona": "Bob"}
    assert (await api("POST", "/api/voices/import", unknown))[0] == 404
