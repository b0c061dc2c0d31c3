"""Signing in with a link, a password, a code; sessions; what is refused."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
import sqlalchemy as sa
import structlog

from voice_agent.access.attempts import TryLater
from voice_agent.access.sessions import Visitor
from voice_agent.access.sign_in import SignIn, SignInRefused
from voice_agent.storage.tables import metadata
from voice_agent.web.pages import sign_in_link

from .browser import PASSWORD, Browser
from .serving import Api, serving


@pytest.fixture
async def ann(api: Api) -> Browser:
    """An administrator who has just made her account."""
    browser = Browser(api)
    await browser.becomes("Ann")
    return browser


async def test_the_first_administrator(api: Api) -> None:
    browser = Browser(api)
    await browser.opens_link()
    status, me = await browser("GET", "/api/account/me")
    assert (status, me["name"], me["session"]["method"]) == (200, None, "link")
    status, me = await browser(
        "PUT", "/api/account/password", {"name": " Ann  Lee ", "password": PASSWORD}
    )
    assert (status, me["name"]) == (200, "Ann Lee")
    assert (await browser("POST", "/api/logout"))[0] == 200
    assert (await browser("GET", "/api/account/me"))[0] == 401
    status, me = await browser.signs_in("ann lee")
    assert (status, me["name"], me["session"]["method"]) == (200, "Ann Lee", "password")
    assert me["session"]["device"] == "Firefox on Linux"
    assert me["session"]["address"] == "127.0.0.1"
    assert (await browser("GET", "/api/personas"))[0] == 200


async def test_a_cookie_that_scripts_cannot_read(ann: Browser) -> None:
    _, body = await ann.signs_in("Ann")
    cookie = ann.told["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert ann.cookie not in str(body)


async def test_over_https_no_other_host_can_slip_a_session_in(tmp_path: Path) -> None:
    async with serving(tmp_path, public_url="https://agent.example.com") as api:
        browser = Browser(api)
        browser.headers |= {"Origin": "https://agent.example.com", "Host": "agent.example.com"}
        await browser.becomes("Ann")
        cookie = browser.told["Set-Cookie"] if "Set-Cookie" in browser.told else ""
        assert browser.named == "__Host-voice_agent_session" and not cookie
        await browser.signs_in("Ann")
        assert {"Secure", "HttpOnly", "Path=/"} <= set(browser.told["Set-Cookie"].split("; "))
        assert "Domain" not in browser.told["Set-Cookie"]
        assert (await browser("GET", "/api/personas"))[0] == 200
        browser.named = "voice_agent_session"  # Another host of the domain may set this one.
        assert (await browser("GET", "/api/personas"))[0] == 401
        # On the machine itself there is no TLS, and the page says so.
        local = Browser(api)
        assert (await local.signs_in("Ann"))[0] == 200
        assert local.named == "voice_agent_session" and "Secure" not in local.told["Set-Cookie"]
        assert (await local("GET", "/api/personas"))[0] == 200


# Refused -----------------------------------------------------------------------------------------


async def test_nobody_learns_which_names_there_are(ann: Browser) -> None:
    """The same words, the same work, and the same delay."""
    wrong, unknown = Browser(ann.api), Browser(ann.api)
    hashed = []
    verify = ann.api.entry.hasher.verify

    async def counted(kept: str, password: str) -> bool:
        hashed.append(bool(kept))
        return await verify(kept, password)

    ann.api.entry.hasher.verify = counted  # type: ignore[method-assign]  # Counts, and verifies.
    for _ in range(7):
        known = await wrong.signs_in("Ann", "not her password")
        nobody = await unknown.signs_in("Nobody", "not her password")
        assert known == nobody
    assert known[0] == 429
    assert hashed == [True, False] * 5


async def test_after_some_failures_it_takes_longer_each_time(ann: Browser) -> None:
    thief = Browser(ann.api)
    for _ in range(5):
        status, body = await thief.signs_in("Ann", "wrong password")
        assert (status, body["type"]) == (401, "refused")
    for delay in (1, 2, 4, 8):
        # The right password, too: else the delay would tell that it is right.
        status, body = await thief.signs_in("ANN ")
        assert (status, body["type"], thief.told["Retry-After"]) == (429, "try_later", str(delay))
        ann.api.now += timedelta(seconds=delay)
        assert (await thief.signs_in("Ann", "wrong password"))[0] == 401
    ann.api.now += timedelta(seconds=16)
    assert (await Browser(ann.api).signs_in("Ann"))[0] == 200
    assert (await thief.signs_in("Ann", "wrong password"))[0] == 401  # Counted anew.
    assert (await ann("GET", "/api/account/me"))[0] == 200


async def test_many_at_once_are_as_many_failures(ann: Browser) -> None:
    async def guess(number: int) -> int:
        return (await Browser(ann.api).signs_in("Ann", f"wrong password {number}"))[0]

    found = await asyncio.gather(*(guess(number) for number in range(12)))
    assert found.count(401) == 5 and found.count(429) == 7


async def test_an_address_that_tries_many_names_waits(ann: Browser) -> None:
    found = [
        (await Browser(ann.api).signs_in(f"somebody {number}", "x"))[0] for number in range(21)
    ]
    assert found == [401] * 20 + [429]
    status, _ = await Browser(ann.api).signs_in("Ann")
    assert status == 429


async def guess(api: Api, address: str, times: int = 1) -> list[str]:
    """Wrong passwords for Ann from an address; what became of each."""
    found = []
    for _ in range(times):
        try:
            await SignIn(api.entry).with_password("Ann", "wrong", "", Visitor(address))
        except (SignInRefused, TryLater) as refused:
            found.append(type(refused).__name__)
    return found


async def test_guessing_with_a_name_delays_whoever_guesses_and_not_its_owner(ann: Browser) -> None:
    assert await guess(ann.api, "203.0.113.9", 7) == ["SignInRefused"] * 5 + ["TryLater"] * 2
    assert (await Browser(ann.api).signs_in("Ann"))[0] == 200, "from another address"


async def test_a_browser_that_has_signed_in_is_not_delayed_by_others(ann: Browser) -> None:
    """However many guess: only one that is not known has to wait then."""
    assert (await ann.signs_in("Ann"))[0] == 200 and ann.known
    cookie = ann.told.getall("Set-Cookie")[1]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    for number in range(100):
        assert await guess(ann.api, f"198.51.{number}.1") == ["SignInRefused"]
    assert await guess(ann.api, "192.0.2.77") == ["TryLater"]
    new = Browser(ann.api)
    assert (await new.signs_in("Ann"))[0] == 429
    assert (await ann("POST", "/api/logout"))[0] == 200
    assert (await ann.signs_in("Ann"))[0] == 200
    new.known = ann.known[:-1] + ("A" if ann.known[-1] != "A" else "B")
    assert (await new.signs_in("Ann"))[0] == 429, "a cookie of its own making"
    ann.api.now += timedelta(minutes=15)
    assert (await new.signs_in("Ann"))[0] == 200


async def test_a_known_browser_has_no_more_guesses_than_any(ann: Browser) -> None:
    await ann.signs_in("Ann")
    thief = Browser(ann.api)
    thief.known = ann.known
    found = [(await thief.signs_in("Ann", "wrong password"))[0] for _ in range(7)]
    assert found == [401] * 5 + [429] * 2
    other = [(await thief.signs_in("Bob", "wrong password"))[0] for _ in range(7)]
    assert other == [401] * 5 + [429] * 2, "it is known for Ann alone"
    assert (await Browser(ann.api).signs_in("Ann"))[0] == 200


async def test_a_page_of_somebody_else_signs_nobody_in_or_out(ann: Browser) -> None:
    """Else its visitors would work in an account that is not theirs."""
    link = (await ann.api.store.keys.new_link()).text
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": ann.api.url},
        {"Sec-Fetch-Site": "same-site"},
    ):
        browser = Browser(ann.api)
        browser.headers = headers
        for path, document in (
            ("/api/login", {"link": link}),
            ("/api/login/password", {"name": "Ann", "password": PASSWORD}),
            ("/api/login/passkey/options", None),
            ("/api/logout", None),
        ):
            assert (await browser("POST", path, document))[0] == 403, (headers, path)
    assert (await ann("GET", "/api/account/me"))[0] == 200


async def test_a_form_signs_nobody_in(ann: Browser) -> None:
    """Forms of other pages come without a word about where from, in old browsers."""
    status, _, _ = await ann.api(
        "POST", "/api/login/password", key="", data={"name": "Ann", "password": PASSWORD}
    )
    assert status == 415


# Codes -------------------------------------------------------------------------------------------


async def with_codes(browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
    """Turn codes on; what makes them, and the recovery codes."""
    status, begun = await browser("POST", "/api/account/totp")
    assert status == 200
    assert begun["qr"].startswith("<svg") and begun["secret"] in begun["uri"]
    made = pyotp.TOTP(begun["secret"])
    document = {"code": made.at(browser.api.now)}
    status, told = await browser("POST", "/api/account/totp/confirm", document)
    assert status == 200
    return made, told["codes"]


async def test_with_an_app_it_takes_a_code(ann: Browser) -> None:
    made, _ = await with_codes(ann)
    assert (await ann("GET", "/api/account/me"))[1]["totp"] is True
    ann.api.now += timedelta(seconds=30)
    browser = Browser(ann.api)
    status, body = await browser.signs_in("Ann")
    assert (status, body["type"]) == (401, "code_needed")
    assert not browser.cookie
    status, body = await browser.signs_in("Ann", "wrong password", made.at(ann.api.now))
    assert (status, body["type"]) == (401, "refused")
    assert (await browser.signs_in("Ann", code=made.at(ann.api.now)))[0] == 200


async def test_a_code_is_worth_one_sign_in(ann: Browser) -> None:
    made, _ = await with_codes(ann)
    used = made.at(ann.api.now)
    assert (await Browser(ann.api).signs_in("Ann", code=used))[0] == 401  # It has set up the app.
    ann.api.now += timedelta(seconds=60)
    code = made.at(ann.api.now)
    tried = await asyncio.gather(*(Browser(ann.api).signs_in("Ann", code=code) for _ in range(4)))
    assert sorted(status for status, _ in tried) == [200, 401, 401, 401]
    before = made.at(ann.api.now - timedelta(seconds=30))
    assert (await Browser(ann.api).signs_in("Ann", code=before))[0] == 401
    ann.api.now += timedelta(seconds=30)
    assert (await Browser(ann.api).signs_in("Ann", code=made.at(ann.api.now)))[0] == 200


async def test_codes_are_not_guessed_for_free(ann: Browser) -> None:
    """The right password, given without a code, does not begin the count anew."""
    await with_codes(ann)
    thief = Browser(ann.api)
    found = []
    for _ in range(8):
        assert (await thief.signs_in("Ann"))[0] in (401, 429)
        found.append((await thief.signs_in("Ann", code="000000"))[0])
    assert found == [401] * 5 + [429] * 3


async def test_a_recovery_code_stands_in_once(ann: Browser) -> None:
    _, codes = await with_codes(ann)
    assert len(set(codes)) == 10
    typed = codes[3].replace("-", " ").upper()
    status, me = await Browser(ann.api).signs_in("Ann", code=typed)
    assert (status, me["recovery_codes"]) == (200, 9)
    assert (await Browser(ann.api).signs_in("Ann", code=codes[3]))[0] == 401
    status, told = await ann("POST", "/api/account/recovery-codes")
    assert status == 200 and not set(told["codes"]) & set(codes)
    assert (await Browser(ann.api).signs_in("Ann", code=codes[4]))[0] == 401
    assert (await Browser(ann.api).signs_in("Ann", code=told["codes"][4]))[0] == 200


async def test_nothing_changes_before_a_code_has_come(ann: Browser) -> None:
    status, _ = await ann("POST", "/api/account/totp")
    status, body = await ann("POST", "/api/account/totp/confirm", {"code": "123"})
    assert (status, body["type"]) == (403, "refused")
    assert (await Browser(ann.api).signs_in("Ann"))[0] == 200


async def test_with_another_key_only_recovery_codes_are_taken(ann: Browser, tmp_path: Path) -> None:
    made, codes = await with_codes(ann)
    ann.api.entry.seal.__init__("", tmp_path / "another.key")  # type: ignore[misc]  # A new start.
    ann.api.now += timedelta(seconds=60)
    browser = Browser(ann.api)
    status, body = await browser.signs_in("Ann", code=made.at(ann.api.now))
    assert status == 503 and "sealed with another key" in body["detail"]
    assert "access.secret_key_file" in body["detail"]
    assert (await browser.signs_in("Ann", code=codes[0]))[0] == 200
    assert (await browser("DELETE", "/api/account/totp"))[0] == 200
    made, _ = await with_codes(browser)
    ann.api.now += timedelta(seconds=60)
    assert (await browser.signs_in("Ann", code=made.at(ann.api.now)))[0] == 200


async def test_codes_are_turned_off(ann: Browser) -> None:
    _, codes = await with_codes(ann)
    assert (await ann("POST", "/api/account/totp"))[0] == 409
    status, me = await ann("DELETE", "/api/account/totp")
    assert (status, me["totp"], me["recovery_codes"]) == (200, False, 0)
    assert (await Browser(ann.api).signs_in("Ann"))[0] == 200


# Sessions ----------------------------------------------------------------------------------------


async def test_a_session_that_is_ended_is_refused_at_once(ann: Browser) -> None:
    other = Browser(ann.api)
    other.headers["User-Agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/1"
    await other.signs_in("Ann")
    _, listed = await ann("GET", "/api/account/sessions")
    assert {(each["device"], each["current"]) for each in listed["items"]} == {
        ("Firefox on Linux", True),
        ("Safari on iOS", False),
    }
    (id,) = [each["id"] for each in listed["items"] if not each["current"]]
    assert (await ann("DELETE", f"/api/account/sessions/{id}"))[1] == {"done": True}
    assert (await other("GET", "/api/personas"))[0] == 401
    assert (await ann("DELETE", f"/api/account/sessions/{id}"))[1] == {"done": False}


async def test_all_others_are_ended(ann: Browser) -> None:
    others = [Browser(ann.api) for _ in range(3)]
    for other in others:
        await other.signs_in("Ann")
    bob = Browser(ann.api)
    await bob.becomes("Bob")
    assert (await ann("DELETE", "/api/account/sessions"))[1] == {"ended": 3}
    assert {(await other("GET", "/api/personas"))[0] for other in others} == {401}
    assert (await ann("GET", "/api/personas"))[0] == 200
    assert (await bob("GET", "/api/personas"))[0] == 200


async def test_nobody_ends_another_s_session(ann: Browser) -> None:
    bob = Browser(ann.api)
    await bob.becomes("Bob")
    (mine,) = (await ann("GET", "/api/account/sessions"))[1]["items"]
    assert (await bob("DELETE", f"/api/account/sessions/{mine['id']}"))[1] == {"done": False}
    assert (await ann("GET", "/api/personas"))[0] == 200


async def test_whoever_signs_in_again_leaves_no_session_behind(ann: Browser) -> None:
    before = ann.cookie
    await ann.signs_in("Ann")
    assert ann.cookie != before
    stale = Browser(ann.api)
    stale.cookie = before
    assert (await stale("GET", "/api/personas"))[0] == 401


async def test_a_key_is_nobody_who_signed_in(api: Api) -> None:
    status, body, _ = await api("GET", "/api/account/me")
    assert status == 403 and "signed in" in body["detail"]


# The password ------------------------------------------------------------------------------------

NEW = "quite different words this time"


async def test_a_new_password_ends_the_other_sessions(ann: Browser) -> None:
    other = Browser(ann.api)
    await other.signs_in("Ann")
    assert (await ann("PUT", "/api/account/password", {"password": NEW}))[0] == 200
    assert (await other("GET", "/api/personas"))[0] == 401
    assert (await ann("GET", "/api/personas"))[0] == 200
    assert (await Browser(ann.api).signs_in("Ann"))[0] == 401
    assert (await Browser(ann.api).signs_in("Ann", NEW))[0] == 200


async def test_whoever_finds_an_open_browser_keeps_nothing(ann: Browser) -> None:
    """Ten minutes after signing in, what changes how one signs in takes the password again."""
    ann.api.now += timedelta(minutes=10, seconds=1)
    for method, path, document in (
        ("PUT", "/api/account/password", {"password": NEW}),
        ("POST", "/api/account/totp", None),
        ("POST", "/api/account/totp/confirm", {"code": "123456"}),
        ("DELETE", "/api/account/totp", None),
        ("POST", "/api/account/recovery-codes", None),
        ("POST", "/api/invitations", None),
        ("DELETE", "/api/administrators/x", None),
        ("POST", "/api/keys", {"kind": "admin"}),
    ):
        status, body = await ann(method, path, document)
        assert (status, body["type"]) == (403, "authenticate_again"), path
    wrong = {"password": NEW, "current": "wrong password"}
    status, body = await ann("PUT", "/api/account/password", wrong)
    assert (status, body["type"]) == (403, "refused")
    assert (await ann("POST", "/api/account/prove", {"password": "wrong"}))[0] == 403
    assert (await ann("POST", "/api/account/prove", {"password": PASSWORD}))[0] == 200
    assert (await ann("POST", "/api/account/totp"))[0] == 200
    ann.api.now += timedelta(minutes=11)
    right = {"password": NEW, "current": PASSWORD}
    assert (await ann("PUT", "/api/account/password", right))[0] == 200


async def test_a_link_gives_a_new_password(ann: Browser) -> None:
    """If it was lost: `voice-agent keys link` prints one."""
    await with_codes(ann)
    again = Browser(ann.api)
    await again.becomes("Ann", NEW)
    assert (await ann("GET", "/api/personas"))[0] == 401
    _, me = await again("GET", "/api/account/me")
    assert me["totp"] is True  # The app may be there still; whoever has the link may turn it off.
    assert (await again("DELETE", "/api/account/totp"))[0] == 200
    assert (await Browser(ann.api).signs_in("Ann", NEW))[0] == 200


async def test_a_link_that_was_opened_long_ago_takes_over_no_account(ann: Browser) -> None:
    browser = Browser(ann.api)
    await browser.opens_link()
    ann.api.now += timedelta(minutes=11)
    document = {"name": "Ann", "password": NEW}
    status, body = await browser("PUT", "/api/account/password", document)
    assert (status, body["type"]) == (403, "authenticate_again")
    assert "keys link" in body["detail"]
    status, _ = await browser("PUT", "/api/account/password", {"name": "Bob", "password": NEW})
    assert status == 200


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"password": PASSWORD}, "name"),
        ({"name": " \t ", "password": PASSWORD}, "name"),
        ({"name": "An\u200bn", "password": PASSWORD}, "name"),
        ({"name": "Ann", "password": "short"}, "password"),
        ({"name": "Ann", "password": "abcabcabcabcabc"}, "password"),
        ({"name": "Ann of Cambridge", "password": "ann of  cambridge"}, "password"),
    ],
)
async def test_names_and_passwords_that_will_not_do(
    api: Api, document: dict[str, str], field: str
) -> None:
    browser = Browser(api)
    await browser.opens_link()
    status, body = await browser("PUT", "/api/account/password", document)
    assert (status, [each["field"] for each in body["errors"]]) == (400, [field])


# The others --------------------------------------------------------------------------------------


async def test_an_administrator_invites_another_and_removes_them(ann: Browser) -> None:
    status, told = await ann("POST", "/api/invitations")
    assert status == 200
    bob = Browser(ann.api)
    link = told["link"]
    token = link.partition("#")[2].removeprefix("link=")
    assert link == sign_in_link(ann.api.url, token)
    assert (await bob("POST", "/api/login", {"link": link}))[0] == 200
    taken = {"name": "Ann", "password": NEW}
    assert (await bob("PUT", "/api/account/password", taken))[0] == 409  # It is hers.
    assert (await Browser(ann.api).signs_in("Ann"))[0] == 200
    await bob("PUT", "/api/account/password", {"name": "Bob", "password": PASSWORD})
    _, listed = await ann("GET", "/api/administrators")
    ids = {each["name"]: each["id"] for each in listed["items"]}
    assert set(ids) == {"Ann", "Bob"}
    assert (await ann("DELETE", f"/api/administrators/{ids['Ann']}"))[0] == 409
    assert (await ann("DELETE", f"/api/administrators/{ids['Bob']}"))[1] == {"done": True}
    assert (await bob("GET", "/api/personas"))[0] == 401
    assert (await bob.signs_in("Bob"))[0] == 401


async def test_no_secret_is_told_to_others_or_kept_as_it_is(ann: Browser) -> None:
    made, codes = await with_codes(ann)
    told = [
        await ann("GET", path)
        for path in ("/api/account/me", "/api/administrators", "/api/account/sessions", "/api/keys")
    ]
    async with ann.api.store.database.read() as connection:
        kept = [
            (await connection.execute(sa.select(table))).all() for table in metadata.sorted_tables
        ]
    for secret in (PASSWORD, made.secret, codes[0], codes[0].replace("-", ""), ann.cookie):
        assert secret not in str(told) and secret not in str(kept)
    assert "argon2" not in str(told) and "$argon2id$" in str(kept)


async def test_a_proxy_that_is_not_trusted_is_told_of_once(ann: Browser) -> None:
    """Else whoever guesses through it delays everybody behind it, and nobody knows why."""
    ann.headers["X-Forwarded-For"] = "198.51.100.1"
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            _, me = await ann.signs_in("Ann")
    assert me["session"]["address"] == "127.0.0.1"
    (told,) = [each for each in logs if each["event"] == "proxy_not_trusted"]
    assert told["setting"] == "server.trusted_proxies"
