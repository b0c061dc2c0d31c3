"""A device with passkeys, in software: what W3C WebAuthn 6 and 7 ask of one."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "===")


@dataclass
class Key:
    id: bytes
    domain: str
    user: bytes
    private: ec.EllipticCurvePrivateKey


@dataclass
class Authenticator:
    """Answers as a browser hands it on, at a page of `origin`."""

    origin: str
    verifies: bool = True
    """Asks for a finger."""
    counts: bool = True
    signed: int = 0
    keys: list[Key] = field(default_factory=list)

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        known = {raw(each["id"]) for each in options["excludeCredentials"]}
        assert not known & {key.id for key in self.keys}
        assert options["authenticatorSelection"]["userVerification"] == "required"
        assert {"type": "public-key", "alg": -7} in options["pubKeyCredParams"]
        private = ec.generate_private_key(ec.SECP256R1())
        key = Key(os.urandom(16), options["rp"]["id"], raw(options["user"]["id"]), private)
        self.keys.append(key)
        numbers = private.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        attested = bytes(16) + len(key.id).to_bytes(2) + key.id + cbor2.dumps(public)
        data = self._data(key.domain, _ATTESTED) + attested
        response = {
            "clientDataJSON": self._client_data("webauthn.create", options["challenge"]),
            "attestationObject": text(
                cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
            ),
            "transports": ["internal"],
        }
        return self._credential(key, response)

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        key = next(key for key in self.keys if key.domain == options["rpId"])
        assert options["userVerification"] == "required"
        data = self._data(key.domain)
        client_data = self._client_data("webauthn.get", options["challenge"])
        signed = data + sha256(raw(client_data)).digest()
        response = {
            "clientDataJSON": client_data,
            "authenticatorData": text(data),
            "signature": text(key.private.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "userHandle": text(key.user),
        }
        return self._credential(key, response)

    def _data(self, domain: str, flags: int = 0) -> bytes:
        self.signed += self.counts
        flags |= _PRESENT | (_VERIFIED if self.verifies else 0)
        return sha256(domain.encode()).digest() + bytes([flags]) + self.signed.to_bytes(4)

    def _client_data(self, kind: str, challenge: str) -> str:
        data = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return text(json.dumps(data).encode())

    def _credential(self, key: Key, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": text(key.id),
            "rawId": text(key.id),
            "type": "public-key",
            "response": response,
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
        }
