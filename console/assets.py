"""The console's files: read once, compressed once, each answered with its ETag."""

from __future__ import annotations

import functools
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = "/api/console"
_FOLDER = Path(__file__).parent / "static"
_INDEX = "index.html"
_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

# Trusted types make the browser itself refuse markup from text, whatever a module does.
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


@dataclass(frozen=True)
class Asset:
    """One file, plain and compressed."""

    content_type: str
    plain: bytes
    compressed: bytes
    digest: str


@dataclass(frozen=True)
class Answer:
    """What the browser gets."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Assets:
    """All files of the console; `version` changes when any of them does."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.version = _digest(b"".join(files[name] for name in sorted(files)))
        self._assets = {
            name: _asset(name, body if name != _INDEX else self._index(body, files))
            for name, body in files.items()
        }

    def _index(self, template: bytes, files: Mapping[str, bytes]) -> bytes:
        """The page, with addresses of this version and all modules asked for at once."""
        base = f"{ROOT}/v/{self.version}"
        preloads = "\n    ".join(
            f'<link rel="modulepreload" href="{base}/{name}">'
            for name in sorted(files)
            if name.endswith(".js")
        )
        return (
            template.replace(b"{{base}}", base.encode())
            .replace(b"{{root}}", ROOT.encode())
            .replace(b"{{preloads}}", preloads.encode())
        )

    def answer(self, path: str, *, if_none_match: str = "", accept_encoding: str = "") -> Answer:
        """The answer for a path under the console's root; "" is the page itself.

        Files are addressed as v/<version>/<file> and never change there; under
        another version, e.g. during a deployment, they are not to be kept.
        """
        name, cache = self._resolve(path)
        asset = self._assets.get(name)
        if asset is None:
            headers = {**SECURITY_HEADERS, "Content-Type": "text/plain; charset=utf-8"}
            return Answer(404, headers, b"There is no such file.")
        zipped = _accepts_gzip(accept_encoding)
        etag = f'"{asset.digest}{"-gzip" if zipped else ""}"'
        headers = {
            **SECURITY_HEADERS,
            "Content-Type": asset.content_type,
            "Cache-Control": cache,
            "ETag": etag,
            "Vary": "Accept-Encoding",
        }
        if _matches(etag, if_none_match):
            return Answer(304, headers, b"")
        if zipped:
            return Answer(200, {**headers, "Content-Encoding": "gzip"}, asset.compressed)
        return Answer(200, headers, asset.plain)

    def _resolve(self, path: str) -> tuple[str, str]:
        if path in ("", _INDEX):
            return _INDEX, _ASK_AGAIN
        marker, _, rest = path.partition("/")
        version, _, name = rest.partition("/")
        if marker != "v" or name == _INDEX:
            return "", _ASK_AGAIN
        return name, _FOREVER if version == self.version else _ASK_AGAIN


@functools.cache
def assets() -> Assets:
    """The files shipped with the app, read on first use."""
    return Assets(
        {
            file.relative_to(_FOLDER).as_posix(): file.read_bytes()
            for file in sorted(_FOLDER.rglob("*"))
            if file.is_file()
        }
    )


def _asset(name: str, body: bytes) -> Asset:
    return Asset(
        _CONTENT_TYPES[Path(name).suffix],
        body,
        gzip.compress(body, compresslevel=9, mtime=0),
        _digest(body),
    )


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=12).hexdigest()


def _accepts_gzip(header: str) -> bool:
    for part in header.lower().split(","):
        coding, _, parameter = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _matches(etag: str, header: str) -> bool:
    known = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return etag in known or "*" in known
