"""The configuration: typed, validated at start-up, from one file, the environment and ``--set``.

Later sources win: defaults, the TOML file, ``VOICE_AGENT_…`` environment variables (sections are
separated by two underscores: ``VOICE_AGENT_SERVER__PORT=9000``), ``--set server.port=9000``.
Secrets are never settings: settings name the environment variable that holds one.
"""

import ipaddress
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from voice_pipelines.audio.gate import GatePolicy
from voice_pipelines.conversation.policy import (
    EndpointingPolicy,
    IdlePolicy,
    InterruptionPolicy,
    LimitsPolicy,
    SpeculationPolicy,
    TurnPolicy,
    WatchdogPolicy,
)

from .choices import Choice, LlmChoice, LlmSettings, SttSettings, TtsSettings, choices
from .errors import ConfigurationError
from .presets import ChatApi, UnknownPreset, chat_api
from .sections import (
    AccessSettings,
    ActionsSettings,
    BrowserSettings,
    JournalSettings,
    LogSettings,
    ModelSettings,
    OutgoingSettings,
    Persona,
    PriceSettings,
    RecordingSettings,
    Section,
    ServerSettings,
    StorageSettings,
    TelemetrySettings,
    TwilioSettings,
    WebRtcSettings,
)

ENVIRONMENT_PREFIX = "VOICE_AGENT_"
_OTHER_VARIABLES = {"VOICE_AGENT_MODELS"}
"""Variables with our prefix that are no settings."""

_Struct = TypeVar("_Struct")
_WHOLE_PERSONA = {"prompt", "initial_message"}
"""Keys that tell a persona's whole document from the short form."""
_KEYS = {
    "deepgram": "DEEPGRAM_API_KEY",
    "elevenlabs": "ELEVENLABS_API_KEY",
    "openai": "OPENAI_API_KEY",
}
"""Where each vendor's key is by default."""
_REQUIRED: dict[tuple[str, str], tuple[str, ...]] = {
    ("stt", "openai"): ("base_url", "model"),
    ("llm", "openai"): ("base_url", "model"),
    ("tts", "openai"): ("base_url", "model", "voice"),
    ("tts", "elevenlabs"): ("voice",),
}
"""Settings that a provider cannot do without, by section and provider."""


class Settings(Section, frozen=True):
    """Everything that can be configured."""

    server: ServerSettings = ServerSettings()
    twilio: TwilioSettings = TwilioSettings()
    browser: BrowserSettings = BrowserSettings()
    webrtc: WebRtcSettings = WebRtcSettings()
    outgoing: OutgoingSettings = OutgoingSettings()
    recording: RecordingSettings = RecordingSettings()
    journal: JournalSettings = JournalSettings()
    actions: ActionsSettings = ActionsSettings()
    storage: StorageSettings = StorageSettings()
    access: AccessSettings = AccessSettings()
    models: ModelSettings = ModelSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    prices: PriceSettings = PriceSettings()
    persona: str = "personas/restaurant.toml"
    """The persona's file, relative to the configuration file."""
    stt: SttSettings = SttSettings()
    llm: LlmSettings = LlmSettings()
    tts: TtsSettings = TtsSettings()
    vad: Literal["silero", "webrtc", "energy"] = "silero"
    turn_detector: Literal["smart-turn", "none"] = "smart-turn"
    gate: GatePolicy = GatePolicy()
    endpointing: EndpointingPolicy = EndpointingPolicy()
    interruption: InterruptionPolicy = InterruptionPolicy()
    watchdog: WatchdogPolicy = WatchdogPolicy()
    idle: IdlePolicy = IdlePolicy()
    limits: LimitsPolicy = LimitsPolicy()
    speculation: SpeculationPolicy = SpeculationPolicy()


class Configuration(msgspec.Struct, frozen=True):
    """Settings together with the persona that they name."""

    settings: Settings
    persona: Persona
    source: str
    """The file that it was read from."""
    persona_source: str = ""
    """The persona's file."""

    def policy(self) -> TurnPolicy:
        """What a conversation needs to know of all this."""
        settings = self.settings
        return TurnPolicy(
            endpointing=settings.endpointing,
            interruption=settings.interruption,
            watchdog=settings.watchdog,
            idle=settings.idle,
            limits=settings.limits,
            speculation=settings.speculation,
            phrases=self.persona.phrases,
            instructions=self.persona.instructions,
        )


def data_directory() -> Path:
    """The folder of the default configurations: in the package, or beside it in a checkout."""
    package = Path(__file__).parent
    packaged = package / "configs"
    return packaged if packaged.is_dir() else package.parent / "configs"


def load(
    file: str | Path | None = None,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Configuration:
    """Read the configuration. `overrides` are ``key=value``. Raises ConfigurationError.

    A `file` that does not exist is looked for among the default configurations (``local``,
    ``scripted.toml``).
    """
    path = _find(file)
    raw = _read_toml(path)
    settings = convert(raw, Settings, str(path))
    layers = list(_from_environment(os.environ if environment is None else environment))
    layers += [(f"--set {override}", parse_override(override)) for override in overrides]
    for source, layer in layers:
        # One after another, so that an error names who made it.
        _merge(raw, layer)
        settings = convert(raw, Settings, source)
    persona_path = path.parent / settings.persona
    if not persona_path.is_file():
        raise ConfigurationError(
            f"{path}: `persona` names {settings.persona}, but there is no file {persona_path}."
        )
    persona = convert(_essentials(_read_toml(persona_path)), Persona, str(persona_path))
    return Configuration(settings, persona, str(path), str(persona_path))


def _essentials(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the start needs of a persona's file; `personas.files` reads and checks all of it."""
    if not _WHOLE_PERSONA & raw.keys():
        return raw
    phrases = dict(raw.get("phrases") or {})
    phrases.setdefault("greeting", "")
    if "initial_message" in raw:
        phrases["greeting"] = raw["initial_message"]
    kept = {key: raw[key] for key in ("name", "pronunciations") if key in raw}
    return {**kept, "instructions": raw.get("prompt", ""), "phrases": phrases}


def parse_override(text: str) -> dict[str, Any]:
    """``a.b=1`` as ``{"a": {"b": 1}}``. The value is TOML if it can be, else text."""
    key, equals, value = text.partition("=")
    keys = key.strip().split(".")
    if not equals or not all(keys):
        raise ConfigurationError(f"--set {text}: write it as key=value, such as server.port=9000.")
    return _nest(keys, _value(value.strip()))


def convert(raw: object, into: type[_Struct], source: str) -> _Struct:
    """`raw` as a typed struct; errors name the key. Raises ConfigurationError."""
    try:
        return msgspec.convert(raw, into)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at ")
        key = at.strip("`").removeprefix("$").removeprefix(".")
        where = f"{source}: `{key}`" if key else source
        raise ConfigurationError(f"{where}: {message}.") from error


def apply_overrides(policy: TurnPolicy, overrides: Sequence[str]) -> TurnPolicy:
    """Another policy, with some values changed. Raises ConfigurationError."""
    raw = msgspec.to_builtins(policy)
    for override in overrides:
        _merge(raw, parse_override(override))
        policy = convert(raw, TurnPolicy, f"--set {override}")
    return policy


def is_loopback(host: str) -> bool:
    """True if nobody but this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_exposure(settings: Settings, environment: Mapping[str, str]) -> None:
    """Refuse to listen beyond loopback without authentication. Raises ConfigurationError."""
    server, twilio = settings.server, settings.twilio
    exposed = not is_loopback(server.host)
    has_token = bool(environment.get(twilio.auth_token_env))
    if exposed and not has_token:
        raise ConfigurationError(
            f"Listening on {server.host} lets others in: set {twilio.auth_token_env} "
            "to the auth token of your Twilio account so that requests can be checked, "
            "or listen on 127.0.0.1."
        )
    if exposed and not twilio.require_token:
        raise ConfigurationError(
            f"`twilio.require_token` is off, which is for loopback only: set it to true "
            f"to listen on {server.host}."
        )
    if has_token and not server.public_url:
        raise ConfigurationError(
            f"{twilio.auth_token_env} is set, so signatures are checked, and they cover the public "
            "address: set `server.public_url` to the https:// origin that Twilio calls."
        )
    if server.public_url and not _is_https_origin(server.public_url):
        raise ConfigurationError(
            f"`server.public_url` is {server.public_url}: it must be an origin such as "
            "https://agent.example.com, without a path; carriers stream over TLS only."
        )


def check_providers(settings: Settings, environment: Mapping[str, str]) -> None:
    """See that what the providers need is there. Raises ConfigurationError."""
    for stage, key, part in all_choices(settings):
        check_provider(stage, key, part, environment)


def check_provider(stage: str, key: str, part: Choice, environment: Mapping[str, str]) -> None:
    """See that what one provider needs is there; `key` names it. Raises ConfigurationError."""
    given: Choice | ChatApi = part
    if isinstance(part, LlmChoice):
        given = _checked_api(key, part)
    for name in _REQUIRED.get((stage, part.provider), ()):
        if not getattr(given, name):
            raise ConfigurationError(
                f"`{key}.provider` is {part.provider}: set `{key}.{name}` too."
            )
    variable = key_variable(part)
    if variable and not environment.get(variable):
        raise ConfigurationError(
            f"`{key}.provider` is {part.provider} and needs a key: put it into the "
            f"environment variable {variable} (`{key}.api_key_env`)."
        )


def all_choices(settings: Settings) -> Iterator[tuple[str, str, Choice]]:
    """Every configured provider as (stage, key of its settings, settings)."""
    stages: tuple[tuple[str, tuple[Choice, ...]], ...] = (
        ("stt", choices(settings.stt)),
        ("llm", choices(settings.llm)),
        ("tts", choices(settings.tts)),
    )
    for stage, parts in stages:
        for number, part in enumerate(parts):
            yield stage, f"{stage}.fallback[{number - 1}]" if number else stage, part


def key_variable(part: Choice) -> str:
    """The environment variable with the key of a stage's provider; empty if it needs none."""
    if isinstance(part, LlmChoice) and part.provider == "openai":
        return llm_api(part).key
    return (part.api_key_env or _KEYS[part.provider]) if part.provider in _KEYS else ""


def llm_api(llm: LlmChoice) -> ChatApi:
    """An ``openai`` language model, its preset applied. Raises ConfigurationError."""
    return chat_api(
        llm.preset, llm.base_url, llm.model, llm.api_key_env, llm.max_tokens, llm.extra_body
    )


def _checked_api(key: str, llm: LlmChoice) -> ChatApi:
    if llm.preset and llm.provider != "openai":
        raise ConfigurationError(
            f"`{key}.preset` is {llm.preset}, which is of OpenAI-compatible APIs, but "
            f"`{key}.provider` is {llm.provider}: set it to openai, or leave the preset out."
        )
    try:
        return llm_api(llm)
    except UnknownPreset as error:
        raise ConfigurationError(
            f"`{key}.preset` is {llm.preset}; the known ones are {error.known}. For any other API "
            f"leave it out and set `{key}.base_url` and `{key}.model`."
        ) from error


def _is_https_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    rest = (parts.path.rstrip("/"), parts.query, parts.fragment, parts.username)
    return parts.scheme == "https" and named and not any(rest)


def _find(file: str | Path | None) -> Path:
    name = Path(file or "local.toml")
    candidates = [name] if file else []
    if not name.is_absolute() and len(name.parts) == 1:
        candidates += [data_directory() / name, data_directory() / f"{name}.toml"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    known = ", ".join(sorted(path.name for path in data_directory().glob("*.toml")))
    raise ConfigurationError(f"There is no configuration {name}; the included ones are {known}.")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no TOML: {error}.") from error


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each variable that is meant for us, with what it sets."""
    for name, value in sorted(environment.items()):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in _OTHER_VARIABLES:
            keys = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            yield name, _nest(keys, _value(value))


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"v = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["v"] if len(parsed) == 1 else text


def _nest(keys: Sequence[str], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    nested: dict[str, Any] = value
    return nested


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
