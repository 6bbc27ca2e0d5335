"""Fetches a public file over HTTPS, within bounds of time and size."""

from __future__ import annotations

import asyncio

import msgspec

from errors import GraphUnreachable

MAX_BYTES = 20_000_000
TIMEOUT_SECONDS = 20
TOTAL_SECONDS = 60


class Download(msgspec.Struct, frozen=True):
    """A file's content, and its ETag if the server gave one."""

    content: bytes
    etag: str | None


async def download(
    url: str, *, etag: str | None = None, total_seconds: float = TOTAL_SECONDS
) -> Download | None:
    """The file, None if it still has `etag`.

    Raises GraphUnreachable if it does not come whole within `total_seconds`,
    or is larger than 20 MB.
    """
    import httpx

    # unpacked, a small answer could be larger than memory
    headers = {"Accept-Encoding": "identity"}
    if etag:
        headers["If-None-Match"] = etag
    content = bytearray()
    try:
        async with (
            asyncio.timeout(total_seconds),
            httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=True) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            if response.status_code == 304:
                return None
            response.raise_for_status()
            async for part in response.aiter_raw():
                content += part
                if len(content) > MAX_BYTES:
                    raise _failed(url, f"it has more than {MAX_BYTES} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _failed(url, type(error).__name__) from error
    except TimeoutError as error:
        raise _failed(url, f"it did not come within {total_seconds:g} seconds") from error
    return Download(bytes(content), response.headers.get("etag"))


def _failed(url: str, cause: str) -> GraphUnreachable:
    return GraphUnreachable(
        f"{url} could not be fetched: {cause}.",
        remedy="Allow the app to reach the address, or set CATALOGUE_URL to a copy of the file.",
    )
