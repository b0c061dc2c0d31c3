"""Credentials for TURN servers."""

import base64
import hashlib
import hmac

from voice_agent.transports.webrtc.ice import ice_servers


def test_a_turn_server_can_check_the_credentials_by_itself() -> None:
    """As coturn does with `use-auth-secret`: HMAC-SHA1 of the name, which says until when."""
    (server,) = ice_servers((), ("turn:t:3478",), "north", "u1", 1_700_000_000)
    assert server["urls"] == ["turn:t:3478"]
    assert server["username"] == "1700000000:u1"
    expected = hmac.new(b"north", b"1700000000:u1", hashlib.sha1).digest()
    assert server["credential"] == base64.b64encode(expected).decode()


def test_without_servers_there_are_none() -> None:
    assert ice_servers((), (), "", "u1", 0) == []
