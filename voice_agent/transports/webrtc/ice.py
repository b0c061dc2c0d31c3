"""The servers that help pages to be reached: STUN, and TURN with credentials that do not last."""

import base64
import hmac
from collections.abc import Sequence
from typing import Any


def ice_servers(
    stun_urls: Sequence[str],
    turn_urls: Sequence[str],
    secret: str,
    user: str,
    expires: int,
) -> list[dict[str, Any]]:
    """What a page gives its `RTCPeerConnection` as `iceServers`.

    The credentials are good until `expires`, in seconds since 1970, without the TURN server having
    to ask anybody ("A REST API For Access To TURN Services", draft-uberti-behave-turn-rest-00).
    """
    servers: list[dict[str, Any]] = []
    if stun_urls:
        servers.append({"urls": list(stun_urls)})
    if turn_urls:
        name = f"{expires}:{user}"
        digest = hmac.digest(secret.encode(), name.encode(), "sha1")
        credential = base64.b64encode(digest).decode()
        servers.append({"urls": list(turn_urls), "username": name, "credential": credential})
    return servers
