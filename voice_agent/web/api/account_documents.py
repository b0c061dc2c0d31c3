"""The shapes of signing in, and of what administrators change about it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, StringConstraints

from ...access.accounts import LONGEST_NAME
from ...access.passwords import LONGEST, SHORTEST
from ...access.sessions import Method
from ...personas.persona import JsonObject, Text
from .documents import Given

Name = Annotated[Text, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
Password = Annotated[Text, StringConstraints(min_length=1, max_length=LONGEST)]
NewPassword = Annotated[Text, StringConstraints(min_length=SHORTEST, max_length=LONGEST)]
Code = Annotated[Text, StringConstraints(min_length=1, max_length=40)]
Label = Annotated[Text, StringConstraints(min_length=1, max_length=100)]
CredentialId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,1400}$")]


class PasswordSignIn(Given):
    name: Name
    password: Password
    code: Code | None = None
    """Of the authenticator app, or a recovery code."""


Encoded = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_=-]{1,8192}$")]


class CredentialResponse(BaseModel):
    """What the device has answered. Further fields are left aside."""

    clientDataJSON: Encoded
    attestationObject: (
        Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_=-]{1,65536}$")] | None
    ) = None
    """When a passkey is made."""
    authenticatorData: Encoded | None = None
    signature: Encoded | None = None
    """When one signs in."""
    userHandle: Annotated[str, StringConstraints(max_length=200)] | None = None


class Credential(Given):
    """What `PublicKeyCredential.toJSON()` gives."""

    id: CredentialId
    rawId: CredentialId
    type: Literal["public-key"]
    response: CredentialResponse
    authenticatorAttachment: Annotated[str, StringConstraints(max_length=50)] | None = None
    clientExtensionResults: JsonObject = {}


class PasskeySignIn(Given):
    credential: Credential


class NewPasskeyIn(Given):
    label: Label
    """What it is called here, such as the name of the device."""
    credential: Credential


class PasskeyOptions(BaseModel):
    """For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`."""

    publicKey: dict[str, Any]


class PasswordIn(Given):
    password: NewPassword
    """The new one."""
    name: Name | None = None
    """In a session that a link has opened, and then only: whose account it is. A new name makes
    an account; a known one gets this password, unless it was an invitation."""
    current: Password | None = None
    """The password so far; needed only where one signed in more than ten minutes ago."""


class ProofIn(Given):
    password: Password


class ByCredential(Given):
    id: CredentialId


class CodeIn(Given):
    code: Code


class BrowserSessionOut(BaseModel):
    """A session of the console."""

    id: str
    current: bool
    """The one that asks."""
    method: Method
    address: str
    device: str
    """Such as `Firefox on Linux`."""
    created_at: datetime
    used_at: datetime
    """To the minute."""
    expires_at: datetime


class MeOut(BaseModel):
    """Who is signed in, and how they can sign in."""

    id: str | None
    name: str | None
    """null in a session that a link has opened, until a name and a password are given."""
    totp: bool
    """Codes of an authenticator app are asked for."""
    recovery_codes: int
    """How many are left."""
    passkeys: int
    fresh_until: datetime
    """Until then passwords, codes and passkeys can be changed without signing in again."""
    session: BrowserSessionOut


class TotpOut(BaseModel):
    """What an authenticator app is set up with."""

    secret: str
    uri: str
    qr: str
    """The same as SVG."""


class RecoveryCodesOut(BaseModel):
    codes: list[str]
    """Each is worth one sign-in without the app. They are shown only now."""


class PasskeyOut(BaseModel):
    id: str
    label: str
    domain: str
    """Where it can be used."""
    created_at: datetime
    used_at: datetime | None


class PasskeysOut(BaseModel):
    items: list[PasskeyOut]


class BrowserSessionsOut(BaseModel):
    items: list[BrowserSessionOut]


class EndedOut(BaseModel):
    ended: int
    """How many sessions."""


class AdministratorOut(BaseModel):
    id: str
    name: str
    created_at: datetime
    totp: bool
    passkeys: int


class AdministratorsOut(BaseModel):
    items: list[AdministratorOut]


class InvitationOut(BaseModel):
    link: str
    """Whoever opens it first becomes an administrator."""
    expires_at: datetime
