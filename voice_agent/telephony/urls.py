"""The addresses that the carrier calls: one place for the routes and for what names them."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

VOICE_PATH = "/twilio/voice"
MEDIA_PATH = "/twilio/media"
OUTGOING_STATUS_PATH = "/twilio/outgoing/{id}/status"
OUTGOING_MACHINE_PATH = "/twilio/outgoing/{id}/machine"
TRANSFER_SCREEN_PATH = "/twilio/transfer/{id}/screen"
TRANSFER_ACCEPT_PATH = "/twilio/transfer/{id}/accept"
TRANSFER_MACHINE_PATH = "/twilio/transfer/{id}/machine"
TRANSFER_ENDED_PATH = "/twilio/transfer/{id}/ended"


@dataclass(frozen=True, slots=True)
class Urls:
    """Full addresses on the public origin."""

    public_url: str

    @property
    def voice(self) -> str:
        return self.at(VOICE_PATH)

    @property
    def media(self) -> str:
        """The media socket, ``wss://`` where the origin is ``https://``."""
        parts = urlsplit(self.public_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, MEDIA_PATH, "", ""))

    def at(self, path: str, id: str = "") -> str:
        return self.public_url.rstrip("/") + path.replace("{id}", id)
