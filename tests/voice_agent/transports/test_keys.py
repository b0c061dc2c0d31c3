"""Keys are as private as what is said."""

from structlog.testing import capture_logs

from tests.voice_agent.media import calling, idle, scripted

SECRET = "4929157"


async def test_keys_are_answered_and_never_logged() -> None:
    async with scripted("log.level=debug") as server:
        with capture_logs() as events:
            async with calling(server) as socket:
                await socket.say(*(socket.wire.dtmf(key) for key in SECRET))
                await socket.say('{"event":"dtmf","dtmf":{"digit":["4929157"]}}')
                await socket.say('{"event":"dtmf","streamSid":"x","dtmf":{"digit":"4929157"}}')
                await socket.is_answered()
                await socket.say(socket.wire.stop())
            await idle(server)
        assert any(event["event"] == "call_ended" for event in events)
        told = str([{k: v for k, v in e.items() if k not in ("duration_ms",)} for e in events])
        assert SECRET not in told and " ".join(SECRET) not in told
        # Not one by one either.
        assert not any(str(value) in set(SECRET) for e in events for value in _texts(e))


def _texts(event: object) -> list[str]:
    return [v for v in event.values() if isinstance(v, str)] if isinstance(event, dict) else []
