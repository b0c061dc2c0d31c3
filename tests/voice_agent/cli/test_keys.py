"""Keys and the database from the command line."""

import json
from pathlib import Path

from tests.voice_agent.process import told as command
from voice_agent.storage.database import HEAD
from voice_agent.storage.store import opened
from voice_agent.web.pages import sign_in_link


async def test_a_key_made_at_the_command_line_opens_the_api(tmp_path: Path) -> None:
    code, out, err = await command("keys", "create", "secret", "--label", "crm", cwd=tmp_path)
    assert code == 0, err
    code, told, _ = await command("keys", "list", "--json", cwd=tmp_path)
    (listed,) = json.loads(told)
    async with opened(f"sqlite:///{tmp_path}/var/voice-agent.db") as store:
        key = await store.keys.verify(out.strip())
    assert (key.id, key.kind, key.label) == (listed["id"], "secret", "crm")
    assert out.strip() not in told
    code, _, _ = await command("keys", "revoke", key.id, cwd=tmp_path)
    assert code == 0
    code, _, err = await command("keys", "revoke", key.id, cwd=tmp_path)
    assert code == 1 and "no such key" in err


async def test_a_link_is_printed_for_whoever_lost_the_first(tmp_path: Path) -> None:
    code, out, err = await command("keys", "link", "--json", cwd=tmp_path)
    assert code == 0, err
    link = json.loads(out)["link"]
    token = link.partition("#")[2].removeprefix("link=")
    assert link == sign_in_link("http://127.0.0.1:8080", token)
    async with opened(f"sqlite:///{tmp_path}/var/voice-agent.db") as store:
        assert (await store.keys.exchange(token)).key.is_admin


async def test_a_client_key_needs_its_pages(tmp_path: Path) -> None:
    code, _, err = await command("keys", "create", "client", cwd=tmp_path)
    assert code == 2 and "--origin" in err


async def test_the_database_is_brought_up_to_date(tmp_path: Path) -> None:
    code, out, _ = await command("database", "upgrade", cwd=tmp_path)
    assert code == 0 and f"migration {HEAD}" in out
    code, _, err = await command(
        "database", "upgrade", "--set", "storage.url=mysql://x/y", cwd=tmp_path
    )
    assert code == 2 and "storage.url" in err
