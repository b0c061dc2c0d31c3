"""``voice-agent twilio``, against a carrier's API on loopback."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.voice_agent.process import told
from tests.voice_agent.telephony.twilio_rest import ACCOUNT, TwilioRest, twilio_rest

OWN = "+14155550100"
NOBODY = "https://127.0.0.1:1"
KEYS = {"TWILIO_ACCOUNT_SID": ACCOUNT.sid, "TWILIO_AUTH_TOKEN": ACCOUNT.auth_token}


@asynccontextmanager
async def carrier() -> AsyncIterator[TwilioRest]:
    async with twilio_rest() as api:
        api.own(OWN)
        yield api


def arguments(api: TwilioRest) -> tuple[str, ...]:
    return (
        *("--config", "scripted.toml", "--set", f"server.public_url={NOBODY}"),
        *("--set", f"twilio.api_url={api.url}"),
    )


async def test_connecting_a_number_tells_what_does_not_work_yet(tmp_path: Path) -> None:
    """S004-80."""
    async with carrier() as api:
        code, out, err = await told(
            "twilio", "connect", OWN, "--persona", "rachel", *arguments(api), cwd=tmp_path, env=KEYS
        )
        assert (code, err) == (1, "")
        assert api.numbers[OWN]["voice_url"] == f"{NOBODY}/twilio/voice?persona=rachel"
        assert f"{OWN} is connected." in out and "NOT  https://127.0.0.1:1" in out
        assert ACCOUNT.auth_token not in out
        code, out, err = await told(
            "twilio", "check", *arguments(api), "--json", cwd=tmp_path, env=KEYS
        )
        found: dict[str, Any] = json.loads(out)
        assert code == 1
        names = {finding["name"]: finding["ok"] for finding in found["findings"]}
        assert names == {"account": True, "number": True, "public_url": False}


async def test_errors_are_one_sentence(tmp_path: Path) -> None:
    async with carrier() as api:
        code, out, err = await told(
            "twilio", "connect", "+14155550199", *arguments(api), cwd=tmp_path, env=KEYS
        )
        assert (code, out) == (1, "") and err.count("\n") == 1 and OWN in err
        wrong = KEYS | {"TWILIO_AUTH_TOKEN": "wrong"}
        code, out, err = await told(
            "twilio", "connect", OWN, *arguments(api), cwd=tmp_path, env=wrong
        )
        assert code == 1 and "do not fit" in err and err.count("\n") == 1
    code, out, err = await told("twilio", "check", "--config", "scripted.toml", cwd=tmp_path)
    assert code == 2 and "TWILIO_ACCOUNT_SID" in err and err.count("\n") == 1
    code, out, err = await told(
        "twilio", "check", "--config", "scripted.toml", cwd=tmp_path, env=KEYS
    )
    assert code == 2 and "server.public_url" in err
