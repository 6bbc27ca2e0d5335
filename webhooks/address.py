"""Which addresses may be called: https, to public hosts, unless the deployment says so. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from errors import InvalidInput

_MAX_CHARACTERS = 2048
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def checked_host(url: str, private_hosts: Collection[str]) -> str:
    """The host of an address that may be called. Raises InvalidInput, which names no secret.

    What a name resolves to is for the call to check, each time.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if (
        parts.scheme != "https"
        or not host
        or port == 0
        or not url.isprintable()
        or any(c.isspace() for c in url)
        or len(url) > _MAX_CHARACTERS
    ):
        raise InvalidInput(
            "url", "The address is not an https address.", remedy="Give an address https://…"
        )
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise InvalidInput(
            "url",
            "The address carries a user name, a password or a fragment.",
            remedy="Leave out what stands before @ and after #.",
        )
    literal = _literal(host)
    if literal is not None and not is_public(literal) and host not in private_hosts:
        raise not_public()
    return host


def _literal(host: str) -> str | None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return host


def is_public(address: str) -> bool:
    """Whether an IP address is of the public internet, also one wrapped in IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        wrapped = found.ipv4_mapped or found.sixtofour
        if wrapped is None and found in _NAT64:
            wrapped = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(str(wrapped))
        if found.teredo is not None:
            return False
    return found.is_global and not found.is_multicast


def not_public() -> InvalidInput:
    """The error for an address inside some network."""
    return InvalidInput(
        "url",
        "The address is not one of the public internet.",
        remedy="Give a public address; the setting WEBHOOK_PRIVATE_HOSTS lists hosts that may "
        "be private.",
    )
