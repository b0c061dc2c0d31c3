"""Voices by what people have of them: an id, or a link that somebody shared.

ElevenLabs's links look like ``https://elevenlabs.io/app/voice-lab/share/OWNER/VOICE`` and
``https://elevenlabs.io/app/voice-library?voiceId=VOICE``. A shared voice speaks once it has been
added to the account whose key is used: https://elevenlabs.io/docs/api-reference/voices/voice-library/share
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from ..errors import VoiceAgentError
from .persona import Voice

_HOSTS = ("elevenlabs.io", "www.elevenlabs.io", "beta.elevenlabs.io", "try.elevenlabs.io")
_ID = re.compile(r"[A-Za-z0-9]{10,64}")


class NotAVoice(VoiceAgentError):
    """The text is neither a voice's id nor a link to one."""


@dataclass(frozen=True, slots=True)
class SharedVoice:
    """What a link or an id tells."""

    voice_id: str
    owner: str = ""
    """Who shared it, if the link says so; only then it can be added to another account."""


def shared_voice(text: str) -> SharedVoice:
    """The voice of a share link or an id of ElevenLabs's. Raises NotAVoice."""
    text = text.strip()
    parts = urlsplit(text if "://" in text or "/" not in text else f"https://{text}")
    if not parts.scheme:
        return SharedVoice(_checked(text, text))
    if parts.hostname not in _HOSTS:
        raise NotAVoice(f"{text} is no link to a voice of elevenlabs.io.")
    if named := parse_qs(parts.query).get("voiceId"):
        return SharedVoice(_checked(named[0], text))
    match [segment for segment in parts.path.split("/") if segment]:
        case [*_, "share", owner, voice_id]:
            return SharedVoice(_checked(voice_id, text), owner)
    raise NotAVoice(f"{text} shares no voice: copy the link from `Share` of a voice.")


def imported_voice(text: str) -> Voice:
    """The same as a persona's voice. Raises NotAVoice."""
    return Voice(provider="elevenlabs", voice_id=shared_voice(text).voice_id)


def _checked(id: str, text: str) -> str:
    if not _ID.fullmatch(id):
        raise NotAVoice(f"{text} names no voice: an id has letters and digits only.")
    return id
