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
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from voice_pipelines.audio.gate import GatePolicy
from voice_pipelines.conversation.policy import (
    EndpointingPolicy,
    IdlePolicy,
    InterruptionPolicy,
    LimitsPolicy,
    Milliseconds,
    Phrases,
    SpeculationPolicy,
    TurnPolicy,
    WatchdogPolicy,
)

from .errors import ConfigurationError
from .presets import ChatApi, UnknownPreset, chat_api

ENVIRONMENT_PREFIX = "VOICE_AGENT_"
_OTHER_VARIABLES = {"VOICE_AGENT_MODELS"}
"""Variables with our prefix that are no settings."""

_Struct = TypeVar("_Struct")
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Amount = Annotated[int, msgspec.Meta(ge=0)]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
PhoneNumber = Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$")]
NumberPrefix = Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{0,13}$")]
_HOURS = "^$|^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class ServerSettings(_Section, frozen=True):
    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: str = ""
    """The https:// origin at which the carrier reaches this server, without a path."""
    max_calls: Positive = 200
    """Calls beyond it are refused with a spoken sentence."""
    drain_ms: Milliseconds = 60_000
    """After SIGTERM: how long live calls may go on before the agent says good-bye."""


class TwilioSettings(_Section, frozen=True):
    auth_token_env: str = "TWILIO_AUTH_TOKEN"
    """The variable with the account's auth token; signatures are checked if it is set."""
    account_sid_env: str = "TWILIO_ACCOUNT_SID"
    """The variable with the account's SID, for outgoing calls, transfers and text messages."""
    api_url: str = ""
    """Another origin of the REST API: a compatible carrier's, or a simulator's on this machine."""
    require_token: bool = True
    """Media sockets must bring the single-use token of the TwiML; off for loopback only."""
    token_ms: Milliseconds = 60_000
    """How long such a token is valid."""
    start_ms: Milliseconds = 10_000
    """How long a media socket may take to send its `start`."""
    quiet_ms: Milliseconds = 20_000
    """A media socket on which nothing arrives for so long is dead."""
    malformed_messages: Positive = 20
    """After so many messages that cannot be understood the socket is closed."""
    lead_ms: Milliseconds = 240
    """Audio kept ahead in the carrier's buffer."""


class OutgoingSettings(_Section, frozen=True):
    """What the agent may dial and text. As it stands, nothing: `countries` opens it."""

    countries: tuple[Country, ...] = ()
    """ISO codes, such as ``["US", "CA"]``, of the countries whose numbers may be dialed."""
    prefixes: tuple[NumberPrefix, ...] = ()
    """If there are any, such as ``+1415``, numbers must begin with one of them as well."""
    contacts: dict[str, PhoneNumber] = {}
    """Names that personas may give instead of numbers as targets of transfers."""
    from_number: Annotated[str, msgspec.Meta(pattern=r"^$|^\+[1-9][0-9]{6,14}$")] = ""
    """The number that is shown where the persona has none of its own."""
    do_not_call_file: str = ""
    """A file with a number on each line; what follows a `#` is a comment."""
    calling_hours: Annotated[str, msgspec.Meta(pattern=_HOURS)] = "08:00-21:00"
    """When people may be called, in the time zone of the callee; empty for always."""
    calling_days: tuple[Annotated[int, msgspec.Meta(ge=1, le=7)], ...] = (1, 2, 3, 4, 5, 6, 7)
    """On which days: 1 is Monday."""
    ring_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 30
    """How long an outgoing call rings."""
    max_call_s: Annotated[int, msgspec.Meta(ge=30, le=14_400)] = 1800
    """How long an outgoing call, or the call after a transfer, may last."""
    detect_machines: bool = True
    """Find out whether a person answered; an answering machine gets the voicemail message."""
    transfer_ring_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 25
    """How long a transfer rings before the caller comes back to the agent."""
    transfer_screening: bool = True
    """Whoever is called for a transfer must press 1 to take it, so that no voicemail does."""
    press_keys: Literal["reconnect", "in-band"] = "reconnect"
    """The carrier dials the keys, for which the agent leaves the line for about a second; or the
    tones are played into the agent's own audio, which not every menu hears."""
    calls_per_caller_hour: Amount = 20
    """Outgoing calls and transfers for the same caller or API key."""
    calls_per_persona_hour: Amount = 60
    calls_per_number_day: Amount = 3
    calls_per_day: Amount = 500
    minutes_per_day: Amount = 600
    """A call counts with its longest duration until it has ended."""
    spend_cents_per_day: Amount = 5000
    """In the account's currency."""
    cents_per_minute: Amount = 5
    """What a minute is taken to cost."""
    rates: dict[NumberPrefix, Amount] = {}
    """The same by prefix, such as ``{"+44" = 8}``; the longest one counts."""
    texts_per_number_day: Amount = 10
    texts_per_persona_hour: Amount = 60


class RecordingSettings(_Section, frozen=True):
    """Whether a persona's calls are recorded is said in its own settings."""

    directory: str = "var/recordings"
    """Two channels per file: the caller on the left, the agent on the right."""
    format: Literal["wav", "opus"] = "wav"
    """``opus`` takes a tenth of the space and needs the extra ``opus``."""
    s3_url: str = ""
    """Such as ``s3://bucket/prefix``: finished recordings go there, and are deleted here; empty to
    keep them here. Needs the extra ``s3``."""
    s3_endpoint: str = ""
    """The address of an S3-compatible store that is not Amazon's."""
    s3_region: str = "us-east-1"
    s3_key_id_env: str = "AWS_ACCESS_KEY_ID"
    s3_secret_env: str = "AWS_SECRET_ACCESS_KEY"
    """The variables with the keys; without them the machine's role is asked for some."""
    outgoing: bool = False
    """Record outgoing calls too. Many countries demand that the callee is told, and agrees."""


class JournalSettings(_Section, frozen=True):
    directory: str = "var/journals"
    """One file per call; empty to keep none."""


class ActionsSettings(_Section, frozen=True):
    """What personas may do in the world; see docs/actions.md."""

    allow: tuple[str, ...] = ()
    """Hosts and networks that webhooks may call although they are not public, such as
    ``hooks.internal``, ``10.1.0.0/16`` or ``127.0.0.1:9000``."""
    public: bool = True
    """Whether webhooks may call the public internet, or only what ``allow`` lists."""
    allow_http: bool = False
    """Whether webhooks may call public hosts without TLS."""
    ports: tuple[Port, ...] = (80, 443, 8080, 8443)
    """Ports of public hosts that webhooks may call."""
    connect_ms: Milliseconds = 3_000
    """How long a webhook may take to be connected; a connection that fails is tried once more."""
    timeout_ms: Milliseconds = 10_000
    """How long a webhook may take in all."""
    longest_answer: Positive = 65_536
    """Bytes of a webhook's answer that are read."""
    secret_env: tuple[str, ...] = ()
    """Environment variables that schemas may refer to as ``{{secret.NAME}}``."""
    signing_secret_env: str = "WEBHOOK_SIGNING_SECRET"
    """The variable with the secret that webhooks are signed with, if it is set; several,
    separated by blanks, while it is being changed."""
    effect_ms: Milliseconds = 35_000
    """How long hanging up, transferring, sending a message or pressing keys may take."""
    rate_count: Positive = 20
    """How often one action may be taken within ``rate_ms``, unless its ``_rate_limit`` says so."""
    rate_ms: Milliseconds = 60_000
    """The time within which ``rate_count`` counts."""
    most: Positive = 500
    """Actions of one conversation."""
    repeat_ms: Milliseconds = 30_000
    """An equal webhook or message within this time is taken for the same one, not done again."""


class StorageSettings(_Section, frozen=True):
    url: str = "sqlite:///var/voice-agent.db"
    """Where personas, conversations and keys are kept; PostgreSQL:
    ``postgresql://user@host/name``."""
    password_env: str = ""
    """The variable with the database's password; empty if it needs none, or PGPASSWORD has it."""


class AccessSettings(_Section, frozen=True):
    token_ms: Annotated[int, msgspec.Meta(ge=10_000, le=86_400_000)] = 900_000
    """How long a browser may begin conversations with a session token."""
    requests_per_minute: Positive = 600
    """Requests of one key to the API; further ones are refused with 429."""


class ModelSettings(_Section, frozen=True):
    directory: str = ""
    """Where the local models lie; empty for the user's cache folder."""
    threads: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    """Threads for local inference; 0 for as many as there are cores."""


class SttChoice(_Section, frozen=True):
    """A recognizer."""

    provider: Literal["local", "deepgram", "openai", "scripted"] = "local"
    """``openai`` is any OpenAI-compatible transcription API."""
    model: str = ""
    """The API's name of the model; needed for ``openai``. Of ``deepgram``'s, ``flux-general-en``
    judges by itself whether somebody has finished."""
    language: str = "en"
    """For ``deepgram``."""
    keyterms: tuple[str, ...] = ()
    """For ``deepgram``: names and words that it should expect."""
    base_url: str = ""
    """Another address of the API; needed for ``openai``."""
    api_key_env: str = ""
    """The variable with the API's key; empty for DEEPGRAM_API_KEY or OPENAI_API_KEY."""
    text: str = "hello there"
    """What the scripted one understands."""
    delay_ms: Milliseconds = 0
    """How long the scripted one takes."""
    settle_ms: Milliseconds = 1200
    """How long it may take to the final words while there is another to ask."""


class SttSettings(SttChoice, frozen=True):
    fallback: tuple[SttChoice, ...] = ()
    """Recognizers to turn to, in this order, when the first fails."""
    keep_ms: Milliseconds = 10_000
    """How much of an utterance is kept, to be heard again by the next one."""


class LlmChoice(_Section, frozen=True):
    """A language model."""

    provider: Literal["local", "openai", "scripted"] = "local"
    model: str = ""
    """For ``local`` a name of `models list`, chosen by the machine if empty."""
    preset: str = ""
    """For ``openai``: an API by name, such as ``groq`` or ``ollama``, see docs/providers.md."""
    base_url: str = ""
    """For ``openai``: any OpenAI-compatible chat completions API; empty for the preset's."""
    api_key_env: str = ""
    """The variable with the API's key; empty for the preset's, or OPENAI_API_KEY."""
    headers: dict[str, str] = {}
    """For ``openai``: further headers of every request. A key does not belong here."""
    extra_body: dict[str, Any] = {}
    """For ``openai``: further fields of every request; they win over all others."""
    usage: Literal["auto", "on", "off"] = "auto"
    """Whether the API is asked what each reply cost: ``auto`` where that is known to work."""
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.0
    max_tokens: Positive = 120
    text: str = ""
    """What the scripted one answers."""
    delay_ms: Milliseconds = 0
    """How long the scripted one takes to its first token."""
    first_ms: Milliseconds = 2000
    """How long it may take to its first word while there is another to ask."""
    stall_ms: Milliseconds = 2000
    """How long it may pause in the middle of an answer."""


class LlmSettings(LlmChoice, frozen=True):
    fallback: tuple[LlmChoice, ...] = ()
    """Models to turn to, in this order, when the first fails."""
    allowed_urls: tuple[str, ...] = ()
    """Where personas may have models of their own, besides the APIs known by name and those named
    in this section: beginnings of `base_url`, such as https://llm.example.com/."""
    allowed_keys: tuple[str, ...] = ()
    """Variables whose keys personas may use for them, besides those of the APIs known by name."""
    hedge_ms: Milliseconds = 0
    """After so long without a word the next one is asked as well, and the faster is taken; 0 for
    never."""


class TtsChoice(_Section, frozen=True):
    """A voice."""

    provider: Literal["local", "deepgram", "elevenlabs", "openai", "scripted"] = "local"
    """``openai`` is any OpenAI-compatible speech API."""
    model: str = ""
    """The API's name of the model; needed for ``openai``. For ``deepgram`` it names the voice."""
    voice: str = ""
    """The API's name of the voice; needed for ``elevenlabs`` and ``openai``."""
    voice_settings: dict[str, float | bool] = {}
    """For ``elevenlabs``: stability, similarity_boost, style, speed, use_speaker_boost."""
    base_url: str = ""
    """Another address of the API; needed for ``openai``."""
    api_key_env: str = ""
    """The variable with the API's key; empty for the vendor's, such as ELEVENLABS_API_KEY."""
    delay_ms: Milliseconds = 0
    """How long the scripted one takes to its first audio."""
    audio_ms: Milliseconds = 3000
    """How much audio the scripted one gives for each text."""
    first_ms: Milliseconds = 1500
    """How long it may take to its first audio while there is another to ask."""
    stall_ms: Milliseconds = 1500
    """How long it may pause in the middle of a text."""


class TtsSettings(TtsChoice, frozen=True):
    fallback: tuple[TtsChoice, ...] = ()
    """Voices to turn to, in this order, when the first fails."""
    normalize: Literal["en", ""] = "en"
    """The language whose numbers, dates, amounts and addresses are spoken in words; empty to leave
    that to the voice. English is the only one so far."""
    pronunciations: dict[str, str] = {}
    """How words are said: ``Siobhan = "shi vawn"``. Whole words, in upper or lower case alike."""


Choice = SttChoice | LlmChoice | TtsChoice
_Choice = TypeVar("_Choice", SttChoice, LlmChoice, TtsChoice)


def choices(first: _Choice) -> tuple[_Choice, ...]:
    """The providers of a stage in the order in which they are asked."""
    return (first, *getattr(first, "fallback", ()))


class LogSettings(_Section, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    """``auto``: for people on a terminal, JSON elsewhere."""


class TelemetrySettings(_Section, frozen=True):
    """Traces of calls over OpenTelemetry; needs `pip install 'voice-agent[otel]'`."""

    otlp_endpoint: str = ""
    """Where spans are sent over OTLP/HTTP, such as http://127.0.0.1:4318/v1/traces; empty for
    nowhere. Headers come from the environment variable OTEL_EXPORTER_OTLP_HEADERS."""
    service_name: str = "voice-agent"
    transcripts: bool = False
    """Whether spans hold what the caller and the agent said."""
    timeout_ms: Positive = 5_000
    """How long the collector may take; what it does not take is dropped."""


Price = Annotated[float, msgspec.Meta(ge=0)]


class PriceSettings(_Section, frozen=True):
    """What providers charge, for the estimated cost in reports and metrics. 0 is free."""

    currency: str = "USD"
    llm_input: Price = 0.0
    """For a million tokens that the LLM reads."""
    llm_cached: Price | None = None
    """For a million of them that were in the provider's cache; as `llm_input` if left out."""
    llm_output: Price = 0.0
    """For a million tokens that it writes."""
    tts: Price = 0.0
    """For a thousand characters that are synthesized."""
    stt: Price = 0.0
    """For a minute of listening."""


class Persona(_Section, frozen=True):
    """Who the agent is."""

    name: str
    instructions: str
    phrases: Phrases = Phrases()
    pronunciations: dict[str, str] = {}
    """How words are said; they precede `tts.pronunciations`."""


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


class Settings(_Section, frozen=True):
    """Everything that can be configured."""

    server: ServerSettings = ServerSettings()
    twilio: TwilioSettings = TwilioSettings()
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
