"""Session descriptions, as far as they are changed on their way (RFC 8866, RFC 8839, RFC 7587)."""

import ipaddress

_MOST_CANDIDATES = 32


class OfferRefused(ValueError):
    """No connection can be made of this offer. The text is a sentence."""

    def __init__(self, sentence: str, code: str = "malformed") -> None:
        super().__init__(sentence)
        self.code = code


def checked(offer: str) -> str:
    """The offer, with those candidates only that are addresses. Raises OfferRefused.

    Names such as ``….local`` can be looked up in the page's own network only, and cost time; such
    a page is found by the packets that it sends.
    """
    kinds = [line.split(" ", 1)[0] for line in _lines(offer) if line.startswith("m=")]
    if kinds.count("m=audio") != 1:
        raise OfferRefused("The offer must have one audio line.")
    if len(kinds) > 1 + kinds.count("m=application") or len(kinds) > 2:
        raise OfferRefused("The offer may have one audio line and one data channel, nothing else.")
    if "opus/48000/2" not in offer.lower():
        raise OfferRefused("The offer must allow Opus.", "format")
    kept = []
    candidates = 0
    for line in _lines(offer):
        if line.startswith("a=candidate:"):
            if candidates == _MOST_CANDIDATES or not _is_address(line):
                continue
            candidates += 1
        elif line == "a=end-of-candidates":
            continue  # There is always one more: where its packets come from.
        kept.append(line)
    return "\r\n".join(kept) + "\r\n"


def has_channel(offer: str) -> bool:
    """Whether the page wants a data channel."""
    return any(line.startswith("m=application") for line in _lines(offer))


def answer_for(answer: str, public_address: str, bits_per_second: int) -> str:
    """Our answer, as the page is to get it.

    It asks for redundancy against loss, for mono and a bit rate; and where this machine has another
    address outside, each host candidate of its family is told with that one too.
    """
    lines = _lines(answer)
    types = [
        line.split(":", 1)[1].split(" ", 1)[0]
        for line in lines
        if line.startswith("a=rtpmap:") and line.lower().endswith("opus/48000/2")
    ]
    wanted = f"minptime=10;useinbandfec=1;stereo=0;maxaveragebitrate={bits_per_second}"
    kept: list[str] = []
    for line in lines:
        if any(line.startswith(f"a=fmtp:{each} ") for each in types):
            continue
        kept.append(line)
        if line.startswith("a=rtpmap:") and (kind := line[9:].split(" ", 1)[0]) in types:
            kept.append(f"a=fmtp:{kind} {wanted}")
        if public_address and line.startswith("a=candidate:") and " typ host" in line:
            kept += _seen_from_outside(line, public_address)
    return "\r\n".join(kept) + "\r\n"


def _lines(description: str) -> list[str]:
    return [line for line in description.replace("\r\n", "\n").split("\n") if line]


def _is_address(candidate: str) -> bool:
    parts = candidate.split(" ")
    try:
        ipaddress.ip_address(parts[4])
    except (IndexError, ValueError):
        return False
    return True


def _seen_from_outside(candidate: str, address: str) -> list[str]:
    """The server-reflexive candidate of a host candidate (RFC 8839, section 5.1), if NAT may lead
    from `address` to it."""
    foundation, component, protocol, _, host, port, *_ = candidate.split(" ")
    inside, outside = ipaddress.ip_address(host), ipaddress.ip_address(address)
    if inside.version != outside.version or inside == outside:
        return []
    priority = (100 << 24) | (65535 << 8) | (256 - int(component))
    return [
        f"{foundation}9 {component} {protocol} {priority} {address} {port} "
        f"typ srflx raddr {host} rport {port}"
    ]
