"""What the OpenAPI document promises, tried by schemathesis against the running server."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from datetime import UTC, datetime
from pathlib import Path

from voice_agent.access.sessions import Visitor
from voice_agent.access.sign_in import SignIn
from voice_agent.calls.records import Begun, Conversation
from voice_agent.personas.persona import Persona

from .serving import Api

_ROOT = Path(__file__).parents[4]
_CONFIG = """
[generation]
allow-x00 = false

[phases.coverage]
generate-duplicate-query-parameters = false
"""


async def test_the_api_keeps_what_its_document_promises(api: Api, tmp_path: Path) -> None:
    """All operations; `positive_data_acceptance` is left out, for what a persona may say (a prompt
    without NUL, a time zone that exists, a schema that makes sense) is more than JSON Schema tells.
    """
    stored = await api.store.personas().create(Persona(name="Ann"))
    await api.store.personas().publish(stored.id)
    # As somebody who has signed in: all that a key may, and what it may not.
    session = await SignIn(api.entry).with_link((await api.store.keys.new_link()).text, Visitor())
    await api.store.archive.apply([Begun(Conversation(id="c1", created_at=datetime.now(UTC)))])
    (tmp_path / "schemathesis.toml").write_text(_CONFIG)
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("schemathesis")), "run"),
        f"{api.url}/api/openapi.json",
        *("--header", f"Authorization: Bearer {session.text}"),
        # They take the same document as POST /api/personas, which costs most of the time.
        *("--exclude-path-regex", "^/api/(lint|personas/{id}/try)$"),
        *("--exclude-operation-id", "save_persona"),
        # It finds its own session in the list, and ends it.
        *("--exclude-operation-id", "end_session"),
        *("--exclude-checks", "positive_data_acceptance", "--max-examples", "2"),
        *("--phases", "coverage,fuzzing", "--seed", "1", "--suppress-health-check", "all"),
        *("--no-color", "--request-timeout", "20"),
        cwd=tmp_path,
        # What Hypothesis knows of Unicode is found out once, not again for each folder.
        env=os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": str(_ROOT / ".hypothesis")},
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        async with asyncio.timeout(240):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, out.decode()[-12_000:]
