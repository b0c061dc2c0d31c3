"""Where a request comes from: its page, its address, its browser."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

from aiohttp import web

from ...access.device import device
from ...access.sessions import Visitor

KNOWN_BROWSER = "voice_agent_known_browser"
"""The cookie of a browser that has signed in before: see `access.known_browsers`."""

Networks = Sequence[IPv4Network | IPv6Network]


def visitor(request: web.Request, proxies: Networks) -> Visitor:
    """`proxies` are believed when they say for whom they ask."""
    return Visitor(
        address_of(request, proxies),
        device(request.headers.get("User-Agent", "")),
        request.cookies.get(KNOWN_BROWSER, ""),
    )


def address_of(request: web.Request, proxies: Networks) -> str:
    """The nearest address that is no proxy's."""
    address = request.remote or ""
    told = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    while _is_in(address, proxies) and (nearer := told.pop().strip() if told else ""):
        address = nearer
    return address if _is_address(address) else ""


def from_own_page(request: web.Request, public_url: str = "") -> bool:
    """Whether a page of ours sent it, as far as browsers tell; False if they do not."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    origin = request.headers.get("Origin", "")
    # Browsers tell the site on secure pages only. A proxy may ask for another host than they did.
    ours = {request.host, urlsplit(public_url).netloc} - {""}  # The origin `null` has none, too.
    return urlsplit(origin).netloc in ours


def from_other_page(request: web.Request, public_url: str = "") -> bool:
    """Whether a page that is not ours sent it. What is no browser tells nothing of pages."""
    told = "Sec-Fetch-Site" in request.headers or "Origin" in request.headers
    return told and not from_own_page(request, public_url)


def page_origin(request: web.Request, public_url: str) -> str:
    """The origin of our pages as the one who asks sees it."""
    origin = request.headers.get("Origin", "")
    direct = f"{request.scheme}://{request.host}"
    if not public_url:
        # A proxy may have taken the TLS away.
        return origin if urlsplit(origin).netloc == request.host else direct
    # A proxy may say that it was asked for another host than the page has.
    return direct if origin == direct else public_url


def _is_in(address: str, networks: Networks) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _is_address(address: str) -> bool:
    try:
        ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return True
