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
