"""The voices that personas can pick: of every provider that this server could use."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from .choices import choices
from .errors import ConfigurationError, VoiceAgentError
from .persona_providers import voice_choice
from .personas.persona import Voice
from .settings import Settings, check_provider, key_variable
from .web.api.ports import ListedVoice, VoicesFound
from .web.api.shared_voices import SharedVoices

# https://developers.deepgram.com/docs/tts-models; those in English.
_AURA = """
thalia andromeda helena apollo arcas aries amalthea asteria athena atlas aurora callista cora
cordelia delia draco electra harmonia hera hermes hyperion iris janus juno jupiter luna mars minerva
neptune odysseus ophelia orion orpheus pandora phoebe pluto saturn selene theia vesta zeus
"""
# https://platform.openai.com/docs/guides/text-to-speech
_OPENAI = "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse"
_OPENAI_URL = "https://api.openai.com/"
_SDKS = {"deepgram": "deepgram", "local": "hibari"}
"""What a provider cannot do without."""


class Catalog:
    """Satisfies `web.api.ports.VoiceCatalog`."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], account: SharedVoices | None
    ) -> None:
        """`account` is the one at ElevenLabs."""
        self._settings = settings
        self._environment = environment
        self._account = account

    async def voices(self) -> VoicesFound:
        """Never fails: what a vendor does not tell is a problem of that vendor."""
        found: list[ListedVoice] = []
        problems: dict[str, str] = {}
        if self._usable("local"):
            found.append(ListedVoice("local", "heart", "Heart", "English, on this machine"))
        if self._usable("elevenlabs") and self._account is not None:
            try:
                found += await self._account.listed()
            except VoiceAgentError as error:
                problems["elevenlabs"] = str(error)
        if self._usable("deepgram"):
            found += _known("deepgram", ((f"aura-2-{name}-en", name) for name in _AURA.split()))
        if self._usable("openai"):
            if self._settings.tts.base_url.startswith(_OPENAI_URL):
                found += _known("openai", ((name, name) for name in _OPENAI.split()))
            else:
                problems["openai"] = (
                    f"The voices of {self._settings.tts.base_url} are not known here; "
                    "write the name of one."
                )
        if self._settings.tts.provider == "scripted":
            found.append(ListedVoice("scripted", "", "Scripted", "A tone, for trying things out"))
        return VoicesFound(found, problems)

    def _usable(self, provider: str) -> bool:
        """Whether a persona could have a voice of it."""
        try:
            part = voice_choice(Voice(provider=provider, voice_id="any"), self._settings.tts)
            check_provider("tts", "voice", part, self._environment)
        except ConfigurationError:
            return False
        return provider not in _SDKS or find_spec(_SDKS[provider]) is not None


def account(settings: Settings, environment: Mapping[str, str]) -> SharedVoices | None:
    """The account at ElevenLabs, None without a key."""
    parts = [part for part in choices(settings.tts) if part.provider == "elevenlabs"]
    part = parts[0] if parts else voice_choice(Voice(provider="elevenlabs"), settings.tts)
    key = environment.get(key_variable(part), "")
    return SharedVoices(key, part.base_url) if key else None


def _known(provider: str, voices: Iterable[tuple[str, str]]) -> list[ListedVoice]:
    return [ListedVoice(provider, id, name.capitalize()) for id, name in voices]
