"""Sends a body to a receiver over TLS, to public addresses only, and says what came of it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Collection, Mapping

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from errors import InvalidInput
from webhooks.address import checked_host, is_public, not_public

_SECONDS = 15
_MAX_RETRY_AFTER_SECONDS = 6 * 3600


class Answer(msgspec.Struct, frozen=True):
    """What a receiver answered; without a status, `error` says why there was none."""

    status: int | None
    error: str | None = None
    retry_after_seconds: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


class _PublicResolver(AbstractResolver):
    """Resolves names, and refuses those that lead into some network.

    The connection goes to the very addresses that were checked, so a name
    cannot turn private between check and call.
    """

    def __init__(self, private_hosts: Collection[str]) -> None:
        self._private_hosts = private_hosts
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if host in self._private_hosts:
            return found
        if not all(is_public(result["host"]) for result in found):
            raise not_public()
        return found

    async def close(self) -> None:
        await self._inner.close()


class Sender:
    """Posts to receivers. Follows no redirects and uses no proxy."""

    def __init__(self, private_hosts: Collection[str]) -> None:
        self._private_hosts = private_hosts

    async def resolvable(self, url: str) -> str:
        """The host of an address, which resolves to public addresses now. Raises InvalidInput."""
        host = checked_host(url, self._private_hosts)
        resolver = _PublicResolver(self._private_hosts)
        try:
            await resolver.resolve(host, 443, socket.AF_UNSPEC)
        except OSError as error:
            raise InvalidInput(
                "url",
                "The address's host cannot be found.",
                remedy="Correct the address, or check the app's DNS.",
            ) from error
        finally:
            await resolver.close()
        return host

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What came of posting JSON. Never raises for what the other side does."""
        try:
            checked_host(url, self._private_hosts)
        except InvalidInput as error:
            return Answer(None, error.message)
        connector = aiohttp.TCPConnector(
            resolver=_PublicResolver(self._private_hosts),
            use_dns_cache=False,
            ssl=ssl.create_default_context(),
        )
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=aiohttp.ClientTimeout(total=_SECONDS),
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as session,
                session.post(
                    url,
                    data=body,
                    headers={
                        "Content-Type": "application/json",
                        "User-Agent": "Ledger365",
                        **headers,
                    },
                    allow_redirects=False,
                ) as response,
            ):
                return Answer(
                    response.status,
                    None if response.ok else f"The receiver answered {response.status}.",
                    _seconds(response.headers.get("Retry-After")),
                )
        except InvalidInput as error:
            return Answer(None, error.message)
        except TimeoutError:
            return Answer(None, f"The receiver did not answer within {_SECONDS} seconds.")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # the error's text can hold the address, which is a secret
            return Answer(None, f"The receiver cannot be reached ({type(error).__name__}).")


def _seconds(header: str | None) -> int | None:
    if header is None or not (header.isascii() and header.isdigit()) or len(header) > 9:
        return None
    return min(int(header), _MAX_RETRY_AFTER_SECONDS)
