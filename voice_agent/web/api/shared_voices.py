"""Voices of an ElevenLabs account: shared ones are taken into it, and can be listened to.

A shared voice can be spoken with only once it is in one's own account
(https://elevenlabs.io/docs/api-reference/voices/voice-library/share).
"""

from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from ...errors import VoiceAgentError
from .ports import ListedVoice

_URL = "https://api.elevenlabs.io"
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_LARGEST_SAMPLE = 5 * 1024 * 1024


class SharedVoices:
    """The voices of one account."""

    def __init__(self, api_key: str, base_url: str = "") -> None:
        self._key = api_key
        self._url = (base_url or _URL).rstrip("/")

    async def add_shared(self, owner: str, voice_id: str, name: str) -> str:
        """Take a shared voice into the account; its id there. Raises VoiceAgentError."""
        path = f"/v1/voices/add/{quote(owner, safe='')}/{quote(voice_id, safe='')}"
        told = await self._json("POST", path, {"new_name": name})
        if told is None:
            raise VoiceAgentError("ElevenLabs knows no shared voice of that link.")
        own = told.get("voice_id")
        return own if isinstance(own, str) and own else voice_id

    async def listed(self) -> list[ListedVoice]:
        """The voices of the account. Raises VoiceAgentError."""
        told = await self._json("GET", "/v1/voices") or {}
        voices = told.get("voices")
        return [_listed(each) for each in voices] if isinstance(voices, list) else []

    async def sample(self, voice_id: str) -> bytes | None:
        """MP3 of the voice; None for an unknown one. Raises VoiceAgentError."""
        told = await self._json("GET", f"/v1/voices/{quote(voice_id, safe='')}")
        url = (told or {}).get("preview_url")
        if not isinstance(url, str) or not self._trusted(url):
            return None
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.get(url, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    return None
                sample = await response.content.read(_LARGEST_SAMPLE)
                while len(sample) < _LARGEST_SAMPLE and (
                    more := await response.content.read(_LARGEST_SAMPLE - len(sample))
                ):
                    sample += more
                return sample
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise VoiceAgentError("The sample of the voice could not be fetched.") from error

    def _trusted(self, url: str) -> bool:
        """Samples lie on servers of others, reached by https; or where the API is."""
        parts = urlsplit(url)
        return parts.scheme == "https" or parts.netloc == urlsplit(self._url).netloc

    async def _json(self, method: str, path: str, body: object = None) -> dict[str, Any] | None:
        """None where there is no such voice."""
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.request(
                    method,
                    self._url + path,
                    json=body,
                    headers={"xi-api-key": self._key},
                    allow_redirects=False,
                ) as response,
            ):
                if response.status in (400, 404, 422):
                    return None
                if response.status != 200:
                    raise VoiceAgentError(
                        f"ElevenLabs answered {response.status}; does the key allow voices?"
                    )
                told = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise VoiceAgentError("ElevenLabs could not be asked about the voice.") from error
        return told if isinstance(told, dict) else {}


def _listed(voice: Any) -> ListedVoice:
    """Of what an account's voice is told to be: what one picks it by."""
    if not isinstance(voice, dict):
        raise VoiceAgentError("ElevenLabs has answered something else than its voices.")
    labels = voice.get("labels")
    words = labels.values() if isinstance(labels, dict) else ()
    return ListedVoice(
        "elevenlabs",
        str(voice.get("voice_id") or ""),
        str(voice.get("name") or ""),
        ", ".join(str(word) for word in words if word),
        sample=bool(voice.get("preview_url")),
    )
