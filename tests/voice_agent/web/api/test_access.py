"""Who may do what: keys, their kinds, session tokens, the first administrator."""

from pathlib import Path

import pytest

from voice_agent.access.tokens import Tokens
from voice_agent.errors import StorageUnavailable
from voice_agent.personas.persona import Persona

from .serving import Api, serving


async def test_without_a_key_everything_is_closed(api: Api) -> None:
    """On loopback too."""
    _, described, _ = await api("GET", "/api/openapi.json", key="")
    tried = 0
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            if "security" not in operation:
                continue
            where = path.replace("{id}", "x").replace("{version}", "1").replace("{user}", "u")
            where = where.replace("{number}", "+1")
            for key in ("", "va_admin_0123456789abcdef_" + "A" * 43, "nonsense"):
                status, body, headers = await api(method.upper(), where, key=key)
                assert (status, body["status"]) == (401, 401), (method, path)
                assert headers["WWW-Authenticate"].startswith("Bearer")
            tried += 1
    assert tried > 40
    assert (await api("GET", "/api/nothing", key=""))[0] == 404


async def test_a_public_key_opens_nothing_but_sessions(api: Api) -> None:
    """S004-93"""
    public = (await api.store.keys.create("client", "default", "", ["https://shop.example"])).text
    _, described, _ = await api("GET", "/api/openapi.json", key="")
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            if "security" not in operation or path == "/api/sessions":
                continue
            where = path.replace("{id}", "x").replace("{version}", "1").replace("{user}", "u")
            status, _, _ = await api(method.upper(), where.replace("{number}", "+1"), key=public)
            assert status == 403, (method, path)


async def test_a_secret_key_makes_no_keys(api: Api) -> None:
    secret = (await api.store.keys.create("secret", "default")).text
    assert (await api("GET", "/api/personas", key=secret))[0] == 200
    assert (await api("POST", "/api/keys", {"kind": "secret"}, key=secret))[0] == 403
    assert (await api("GET", "/api/keys", key=secret))[0] == 403


async def test_a_workspace_is_all_that_a_key_sees(api: Api) -> None:
    other = (await api.store.keys.create("secret", "other")).text
    stored = await api.store.personas().create(Persona(name="Ann"))
    assert (await api("GET", "/api/personas", key=other))[1]["items"] == []
    assert (await api("GET", f"/api/personas/{stored.id}", key=other))[0] == 404
    status, _, _ = await api("POST", "/api/personas", {"name": "Ann"}, key=other)
    assert status == 201


async def test_keys_are_made_shown_once_and_revoked(api: Api) -> None:
    document = {"kind": "client", "origins": ["https://shop.example"], "label": "shop"}
    status, made, _ = await api("POST", "/api/keys", document)
    assert status == 201 and made["key"].startswith("va_client_")
    _, listed, _ = await api("GET", "/api/keys")
    assert made["id"] in {each["id"] for each in listed["items"]}
    assert made["key"] not in str(listed)
    assert (await api("DELETE", f"/api/keys/{made['id']}"))[1] == {"done": True}
    assert (await api("POST", "/api/sessions", {}, key=made["key"]))[0] == 401


async def test_a_key_cannot_revoke_itself(api: Api) -> None:
    mine = (await api.store.keys.verify(api.key)).id
    assert (await api("DELETE", f"/api/keys/{mine}"))[0] == 409


async def test_a_client_key_is_bound(api: Api) -> None:
    for document in (
        {"kind": "client"},
        {"kind": "client", "origins": ["shop.example"]},
        {"kind": "secret", "origins": ["https://shop.example"]},
        {"kind": "root"},
    ):
        assert (await api("POST", "/api/keys", document))[0] == 400, document


async def test_a_page_gets_a_token_for_its_origin_and_personas(api: Api) -> None:
    """S004-96: the integrator names the user; the token carries the name."""
    ann = await api.store.personas().create(Persona(name="Ann"))
    bob = await api.store.personas().create(Persona(name="Bob"))
    key = await api.store.keys.create("client", "default", "", ["https://shop.example"], [ann.id])
    document = {"persona_id": ann.id, "user_id": "user 7", "details": {"name": "Ann"}}
    shop = {"Origin": "https://shop.example"}
    status, body, _ = await api("POST", "/api/sessions", document, key=key.text, headers=shop)
    assert status == 200
    token = Tokens(await api.store.keys.signing_secret(), 900).verify(body["token"])
    assert (token.personas, token.user_id, token.origin) == (
        (ann.id,),
        "user 7",
        "https://shop.example",
    )
    assert token.details == {"name": "Ann"}
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        status, _, _ = await api("POST", "/api/sessions", document, key=key.text, headers=headers)
        assert status == 403
    document["persona_id"] = bob.id
    status, _, _ = await api("POST", "/api/sessions", document, key=key.text, headers=shop)
    assert status == 403


async def test_the_link_makes_an_administrator_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        link = await api.store.keys.new_link()
        address = f"{api.url}/api/login#{link.text}"
        assert (await api("GET", "/api/login", key=""))[0] == 200
        status, body, headers = await api("POST", "/api/login", {"link": address}, key="")
        assert status == 200
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        assert (await api("GET", "/api/keys", key=body["key"]))[0] == 200
        assert (await api("POST", "/api/login", {"link": address}, key=""))[0] == 401


async def test_a_cookie_is_worth_nothing_to_other_pages(api: Api) -> None:
    link = await api.store.keys.new_link()
    _, body, _ = await api("POST", "/api/login", {"link": link.text}, key="")
    cookie = {"Cookie": f"voice_agent_session={body['key']}"}
    new = {"kind": "secret"}
    assert (await api("GET", "/api/keys", key="", headers=cookie))[0] == 200
    for headers, expected in (
        ({}, 401),
        ({"Origin": "https://evil.example"}, 401),
        ({"Sec-Fetch-Site": "cross-site"}, 401),
        ({"Sec-Fetch-Site": "same-site"}, 401),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": api.url}, 201),
    ):
        status, _, _ = await api("POST", "/api/keys", new, key="", headers={**cookie, **headers})
        assert status == expected, headers


async def test_too_many_requests_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, requests_per_minute=5) as api:
        told = [await api("GET", "/api/account") for _ in range(12)]
        refused = [each for each in told if each[0] == 429]
        assert refused and int(refused[0][2]["Retry-After"]) > 0


async def test_a_database_that_is_down_is_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> None:
        raise StorageUnavailable("no connection to postgres://secret@host")

    monkeypatch.setattr(api.store.database, "read", down)
    status, body, headers = await api("GET", "/api/personas")
    assert (status, body["status"]) == (503, 503)
    assert "secret" not in str(body) and int(headers["Retry-After"]) > 0
