"""Passkeys (WebAuthn): keys that stay in a person's device, which asks for a finger or a PIN.

What a device signs names the site, so that another site gets nothing; and a challenge, which is
kept until it is answered, once, or for some minutes. A sign-in asks for no name: the device knows
which of its keys are ours, and the server tells nobody who has some.
"""

import asyncio
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from ..errors import VoiceAgentError
from .accounts import Administrator
from .keys import KeyRefused

if TYPE_CHECKING:
    from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
    from webauthn.registration.verify_registration_response import VerifiedRegistration

T = TypeVar("T")

SITE = "Voice agent"
CHALLENGE_LIFE = timedelta(minutes=5)
MOST = 20
"""Passkeys of one administrator."""

Purpose = Literal["register", "sign in"]
Given = Mapping[str, Any]
"""A credential as browsers write it (``PublicKeyCredential.toJSON()``)."""


class PasskeyRefused(KeyRefused):
    """The passkey is not known, or its answer does not fit."""


class NoPasskeysHere(VoiceAgentError):
    """The address of the page is none that passkeys can be bound to."""


@dataclass(frozen=True, slots=True)
class Site:
    """What passkeys are bound to."""

    domain: str
    origin: str
    """Of the page, such as ``https://agent.example.com``."""


def site_of(origin: str) -> Site:
    """The site of a page's origin. Raises NoPasskeysHere."""
    parts = urlsplit(origin)
    domain = parts.hostname or ""
    try:
        ip_address(domain)
        is_name = False
    except ValueError:
        is_name = bool(domain)
    # Elsewhere browsers have no `navigator.credentials` (W3C Secure Contexts).
    secure = parts.scheme == "https" or domain == "localhost" or domain.endswith(".localhost")
    if not is_name or not secure:
        raise NoPasskeysHere(
            "Passkeys work on pages with a name, over https, or at http://localhost: open the "
            "console there."
        )
    return Site(domain, origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A passkey's public half."""

    id: str
    """As the device calls it, base64url."""
    administrator: str
    label: str
    domain: str
    public_key: bytes = field(repr=False)
    """COSE."""
    signed: int
    """Counts signatures, where the device does so: a copy of the key would fall behind."""
    created_at: datetime
    used_at: datetime | None = None


class Passkeys(Protocol):
    """What is kept of passkeys. All raise StorageUnavailable."""

    async def issue(
        self, challenge: str, purpose: Purpose, administrator: str, now: datetime
    ) -> None:
        """Keep a challenge for a while; `administrator` is empty where nobody is known yet."""

    async def redeem(self, challenge: str, purpose: Purpose, now: datetime) -> str | None:
        """Whom a challenge was for, once; None if there is none such."""

    async def add(self, passkey: Passkey) -> None:
        """Raises AccountConflict if it is there already."""

    async def get(self, id: str) -> Passkey | None: ...

    async def list(self, administrator: str) -> Sequence[Passkey]:
        """By age."""

    async def used(self, id: str, before: int, signed: int, now: datetime) -> bool:
        """Count a signature; False if another one was counted since `before` was read."""

    async def remove(self, administrator: str, id: str) -> bool: ...


class Ceremonies:
    """Makes challenges and checks what devices answer."""

    def __init__(self, passkeys: Passkeys) -> None:
        self._passkeys = passkeys

    async def registration(
        self, administrator: Administrator, site: Site, now: datetime
    ) -> dict[str, Any]:
        """Options for ``navigator.credentials.create``."""
        challenge = secrets.token_bytes(32)
        await self._issue(challenge, "register", administrator.id, now)
        known = await self._passkeys.list(administrator.id)
        return await asyncio.to_thread(_registration, administrator, site, challenge, known)

    async def register(
        self, administrator: Administrator, site: Site, given: Given, label: str, now: datetime
    ) -> Passkey:
        """Keep a new passkey. Raises PasskeyRefused, AccountConflict."""
        challenge = await self._redeem(given, "register", administrator.id, now)
        verified = await _checked(_verify_registration, given, challenge, site)
        passkey = Passkey(
            id=_text(verified.credential_id),
            administrator=administrator.id,
            label=label,
            domain=site.domain,
            public_key=verified.credential_public_key,
            signed=verified.sign_count,
            created_at=now,
        )
        await self._passkeys.add(passkey)
        return passkey

    async def authentication(self, site: Site, now: datetime) -> dict[str, Any]:
        """Options for ``navigator.credentials.get``."""
        challenge = secrets.token_bytes(32)
        await self._issue(challenge, "sign in", "", now)
        return await asyncio.to_thread(_authentication, site, challenge)

    async def authenticate(self, site: Site, given: Given, now: datetime) -> str:
        """The id of the administrator whose passkey answers. Raises PasskeyRefused."""
        challenge = await self._redeem(given, "sign in", "", now)
        id = given.get("id")
        known = await self._passkeys.get(id) if isinstance(id, str) else None
        if known is None or known.domain != site.domain:
            raise PasskeyRefused("The passkey is not known here; it may have been removed.")
        verified = await _checked(_verify_authentication, given, challenge, site, known)
        # Of two answers at once with the same count one is a copy's.
        if not await self._passkeys.used(known.id, known.signed, verified.new_sign_count, now):
            raise PasskeyRefused("The passkey was used elsewhere at the same time; try again.")
        return known.administrator

    async def _issue(
        self, challenge: bytes, purpose: Purpose, administrator: str, now: datetime
    ) -> None:
        await self._passkeys.issue(_text(challenge), purpose, administrator, now)

    async def _redeem(
        self, given: Given, purpose: Purpose, administrator: str, now: datetime
    ) -> bytes:
        """The challenge that is answered; from now on it is none. Raises PasskeyRefused."""
        challenge = await _checked(_challenge_of, given)
        owner = await self._passkeys.redeem(_text(challenge), purpose, now)
        if owner is None or owner != administrator:
            raise PasskeyRefused("It took too long, or was answered already; try again.")
        return challenge


async def _checked(check: Callable[..., T], *given: object) -> T:
    """Beside the event loop, which importing the library would hold up. Raises PasskeyRefused."""
    try:
        return await asyncio.to_thread(check, *given)
    except Exception as error:
        # Whatever the library trips over in what a stranger has sent, it is no answer.
        raise PasskeyRefused("The passkey's answer is not valid.") from error


def _registration(
    administrator: Administrator, site: Site, challenge: bytes, known: Sequence[Passkey]
) -> dict[str, Any]:
    from webauthn import base64url_to_bytes, generate_registration_options
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    return options_to_json_dict(
        generate_registration_options(
            rp_id=site.domain,
            rp_name=SITE,
            user_id=administrator.id.encode(),
            user_name=administrator.name,
            challenge=challenge,
            timeout=_milliseconds(CHALLENGE_LIFE),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.id)) for each in known
            ],
        )
    )


def _authentication(site: Site, challenge: bytes) -> dict[str, Any]:
    from webauthn import generate_authentication_options
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import UserVerificationRequirement

    return options_to_json_dict(
        generate_authentication_options(
            rp_id=site.domain,
            challenge=challenge,
            timeout=_milliseconds(CHALLENGE_LIFE),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def _challenge_of(given: Given) -> bytes:
    from webauthn import base64url_to_bytes
    from webauthn.helpers import parse_client_data_json

    return parse_client_data_json(base64url_to_bytes(given["response"]["clientDataJSON"])).challenge


def _verify_registration(given: Given, challenge: bytes, site: Site) -> "VerifiedRegistration":
    from webauthn import verify_registration_response

    return verify_registration_response(
        credential=dict(given),
        expected_challenge=challenge,
        expected_rp_id=site.domain,
        expected_origin=site.origin,
        require_user_verification=True,
    )


def _verify_authentication(
    given: Given, challenge: bytes, site: Site, known: Passkey
) -> "VerifiedAuthentication":
    from webauthn import verify_authentication_response

    return verify_authentication_response(
        credential=dict(given),
        expected_challenge=challenge,
        expected_rp_id=site.domain,
        expected_origin=site.origin,
        credential_public_key=known.public_key,
        credential_current_sign_count=known.signed,
        require_user_verification=True,
    )


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
