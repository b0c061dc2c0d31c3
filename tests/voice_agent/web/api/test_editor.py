"""What the editor of personas asks."""

from .serving import Api

ANN = {"name": "Ann", "prompt": "You are Ann."}
BROKEN = {"type": "object", "properties": {"show": {"type": "colour"}}}


async def made(api: Api) -> str:
    _, stored, _ = await api("POST", "/api/personas", ANN)
    return str(stored["id"])


async def test_a_draft_is_tried_with_a_token_of_its_own(api: Api) -> None:
    id = await made(api)
    status, tried, _ = await api(
        "POST", f"/api/personas/{id}/try", {"user_id": "u1", "details": {"plan": "gold"}}
    )
    assert (status, tried["expires_in"], tried["findings"]) == (200, 900, [])
    token = api.tokens.verify(tried["token"])
    assert (token.draft, token.unsaved, token.personas) == (True, "", (id,))
    assert (token.user_id, token.details) == ("u1", {"plan": "gold"})


async def test_what_was_not_saved_is_tried(api: Api) -> None:
    id = await made(api)
    edited = ANN | {"prompt": "You are Ann. {{weather}}"}
    status, tried, _ = await api("POST", f"/api/personas/{id}/try", {"persona": edited})
    assert status == 200
    assert [each["code"] for each in tried["findings"]] == ["unknown-keyword"]
    kept = api.trials.get(api.tokens.verify(tried["token"]).unsaved)
    assert kept is not None and kept.prompt == edited["prompt"]
    _, stored, _ = await api("GET", f"/api/personas/{id}")
    assert stored["draft"]["prompt"] == ANN["prompt"]


async def test_a_broken_schema_is_not_tried(api: Api) -> None:
    id = await made(api)
    status, problem, _ = await api(
        "POST", f"/api/personas/{id}/try", {"persona": ANN | {"actions_schema": BROKEN}}
    )
    assert status == 400 and problem["errors"][0]["field"].startswith("actions_schema")
    status, _, _ = await api("POST", "/api/personas/nobody/try", {})
    assert status == 404


async def test_a_public_key_tries_nothing(api: Api) -> None:
    id = await made(api)
    client = await api.store.keys.create("client", "default", origins=("*",))
    status, _, _ = await api("POST", f"/api/personas/{id}/try", {}, key=client.text)
    assert status == 403
    secret = await api.store.keys.create("secret", "default")
    status, _, _ = await api("POST", f"/api/personas/{id}/try", {}, key=secret.text)
    assert status == 200


PRICES = {"context": "prices", "userSays": ["How much is the pizza?"], "responseGuidelines": "12"}
DOGS = {"context": "dogs", "userSays": ["May I bring my dog?"], "responseGuidelines": "Yes."}


async def test_scenarios_are_matched_as_in_a_call(api: Api) -> None:
    """S004-72: by the user's statement and the persona's last one."""
    _, stored, _ = await api("POST", "/api/personas", ANN | {"scenarios": [PRICES, DOGS]})
    path = f"/api/personas/{stored['id']}/scenarios/match"
    status, told, _ = await api("POST", path, {"text": "Is my dog allowed?"})
    assert (status, told["by_meaning"]) == (200, False)
    assert [each["index"] for each in told["items"]] == [1, 0]
    assert told["items"][0]["scenario"]["context"] == "dogs"
    assert 1 > told["items"][0]["score"] > 0 == told["items"][1]["score"]
    _, other, _ = await api("POST", path, {"text": "Fine", "persona_text": "The pizza?"})
    assert other["items"][0]["index"] == 0

    await api("PUT", f"/api/personas/{stored['id']}", ANN | {"scenarios": [DOGS]})
    _, now, _ = await api("POST", path, {"text": "Is my dog allowed?"})
    assert [each["index"] for each in now["items"]] == [0], "of the draft as it is now"


async def test_the_keywords_are_those_of_prompts(api: Api) -> None:
    status, told, _ = await api("GET", "/api/keywords")
    assert status == 200
    by_name = {each["name"]: each for each in told["items"]}
    assert by_name["currentDatetime"]["text"] == "{{currentDatetime}}"
    assert by_name["context"]["place"] == "scenarios"
    assert all(each["description"] for each in told["items"])


async def test_voices_are_listed_though_a_provider_is_down(api: Api) -> None:
    status, told, _ = await api("GET", "/api/voices")
    assert status == 200
    assert [(each["provider"], each["voice_id"]) for each in told["items"]] == [("local", "heart")]
    assert told["problems"] == [{"provider": "elevenlabs", "message": "It is down."}]


async def test_models_tell_what_they_need(api: Api) -> None:
    _, told, _ = await api("GET", "/api/llms")
    by_name = {each["name"]: each for each in told}
    assert by_name["groq"]["key_env"] == "GROQ_API_KEY" and by_name["groq"]["ready"]
    assert not by_name["cerebras"]["ready"]
    assert by_name["ollama"]["ready"] and not by_name["ollama"]["key_env"]


async def test_the_telephone_is_examined_for_administrators(api: Api) -> None:
    """S004-81"""
    id = await made(api)
    status, told, _ = await api("POST", f"/api/personas/{id}/telephone/check")
    assert (status, told["webhook_url"]) == (200, "https://agent.example/twilio/voice")
    assert told["findings"] == [
        {"name": "account", "ok": False, "message": "The server has no Twilio account."}
    ]
    assert [each["here"] for each in told["numbers"]] == [False]
    secret = await api.store.keys.create("secret", "default")
    status, _, _ = await api("POST", f"/api/personas/{id}/telephone/check", key=secret.text)
    assert status == 403, "the account is the server's, not the workspace's"


async def test_what_a_persona_has_where_it_says_nothing(api: Api) -> None:
    status, told, _ = await api("GET", "/api/defaults")
    assert status == 200
    assert told["endpointing"]["typical_ms"] == 600 and told["interruption"]["enabled"]
    assert "filler" in told["phrases"] and "greeting" not in told["phrases"]
    assert (told["llm"], told["voice"]) == ("scripted, best", "scripted")


async def test_lint_tells_how_long_the_prompt_is(api: Api) -> None:
    status, told, _ = await api("POST", "/api/lint", ANN | {"prompt": "abcd " * 4000})
    assert (status, told["meter"]) == (200, {"tokens": 5000, "level": "red"})
    _, stored, _ = await api("POST", "/api/personas", ANN)
    assert stored["meter"]["level"] == "green"
