"""Host candidates at the addresses and ports that are wanted.

aioice gathers at every address of the machine but loopback, and at any port. So one method of its
connection is replaced; pyproject.toml pins aioice for that, and a test looks at what is bound.
"""

import asyncio
import socket
from functools import partial

import structlog
from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol
from aioice.turn import UDP_SOCKET_BUFFER_SIZE
from aiortc import RTCRtpTransceiver

from .bindings import Bindings
from .offer import OfferRefused

GATHERS = "get_component_candidates"

log = structlog.get_logger()


def gather_at(bindings: Bindings, transceiver: RTCRtpTransceiver) -> None:
    """Let the connection of a transceiver gather there; OfferRefused comes out of its gathering
    where no port is free."""
    connection: Connection = transceiver.receiver.transport.transport.iceGatherer._connection
    setattr(connection, GATHERS, partial(_candidates, connection, bindings))


async def _candidates(
    connection: Connection, bindings: Bindings, component: int, addresses: list[str]
) -> list[Candidate]:
    """Satisfies `Connection.get_component_candidates`; `addresses` are those of the machine."""
    loop = asyncio.get_running_loop()
    found = []
    for address in bindings.addresses or addresses or ("127.0.0.1",):
        try:
            bound = bindings.bind(address)
        except OSError as error:
            log.warning("address_not_bound", address=address, problem=error.strerror)
            continue
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_SOCKET_BUFFER_SIZE)
        _, protocol = await loop.create_datagram_endpoint(
            lambda: StunProtocol(connection), sock=bound
        )
        connection._protocols.append(protocol)
        host, port = bound.getsockname()[:2]
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=host,
            port=port,
            type="host",
        )
        found.append(protocol.local_candidate)
    if not found:
        raise OfferRefused("No port is free for the call.", "busy")
    return found
