"""Who calls, and whether they may: by Entra app roles where App Service signs in, else by keys."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from errors import Forbidden, InvalidInput, Misconfigured, Unauthorized
from settings import Access, read_access

PRINCIPAL_HEADER = "X-MS-CLIENT-PRINCIPAL"
ROLES = ("Ledger.Read", "Ledger.Manage", "Ledger.Reclaim")
# Who may change or take back may also look; neither of the two includes the other.
_ALSO_READS = frozenset({"Ledger.Manage", "Ledger.Reclaim"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ROLE_CLAIMS = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
_OBJECT_ID_CLAIMS = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid")
_NAME_CLAIMS = (
    "preferred_username",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "name",
    "appid",
    "azp",
)
_MAX_NAME_CHARACTERS = 200


@dataclass(frozen=True)
class Caller:
    """Who asked: `object_id` is Entra's; None for whoever holds a function key."""

    name: str
    object_id: str | None = None
    roles: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """The caller in one line, for runs and audits."""
        return self.name if self.object_id is None else f"{self.name} ({self.object_id})"

    @property
    def audited(self) -> str:
        """The caller as the log may name them: by object ID, never by name."""
        return self.object_id or self.name


KEY_HOLDER = Caller("function key")
NOBODY = Caller("anonymous")


class _Claim(msgspec.Struct, frozen=True):
    typ: str
    val: str


class _Principal(msgspec.Struct, frozen=True):
    """The claims that App Service passes on.

    Source: https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
    """

    claims: tuple[_Claim, ...]
    auth_typ: str = ""
    name_typ: str | None = None
    role_typ: str | None = None

    def all(self, *kinds: str | None) -> list[str]:
        """The values of the claims of these kinds, in the order of the kinds."""
        return [claim.val for kind in kinds if kind for claim in self.claims if claim.typ == kind]


def platform_guards() -> bool:
    """Whether App Service signs callers in, so that functions need no key.

    Settings that contradict each other leave the keys on.
    """
    try:
        return read_access(os.environ) is Access.SIGN_IN
    except InvalidInput:
        return False


def authorized(headers: Mapping[str, str], method: str, role: str, access: Access) -> Caller:
    """The caller, who has the role.

    Raises Unauthorized for one who is not known or claims to be somebody
    without the platform's word, Forbidden for one without the role and for a
    change that another site made a browser ask for.
    """
    claimed = headers.get(PRINCIPAL_HEADER)
    if claimed is not None and access is Access.KEYS:
        raise Unauthorized(
            f"The header {PRINCIPAL_HEADER} is not believed: no platform sets it here.",
            remedy="Leave the header out and call with a function key, or switch App Service "
            "Authentication on.",
        )
    if access is not Access.SIGN_IN:
        # the host has checked the key
        return KEY_HOLDER
    if claimed is None:
        raise Unauthorized(
            "The caller is not signed in.",
            remedy="Sign in with Entra ID, or send a bearer token for this application.",
        )
    caller = _caller(claimed)
    if role not in caller.roles and not (role == "Ledger.Read" and caller.roles & _ALSO_READS):
        raise Forbidden(
            f"The caller lacks the role {role}.",
            remedy=f"Assign the app role {role} to the caller in Entra ID, under the enterprise "
            "application of this app; then sign in again.",
        )
    if method not in SAFE_METHODS:
        _refuse_other_sites(headers)
    return caller


def checked_access() -> Access:
    """How callers are told apart here. Raises Misconfigured for settings that contradict."""
    try:
        return read_access(os.environ)
    except InvalidInput as error:
        raise Misconfigured(error.message, remedy=error.remedy) from error


def _caller(claimed: str) -> Caller:
    try:
        raw = base64.b64decode(claimed, validate=True)
        principal = msgspec.json.decode(raw, type=_Principal)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise Unauthorized(
            f"The header {PRINCIPAL_HEADER} cannot be read.", remedy="Sign in again."
        ) from error
    if principal.auth_typ != "aad":
        raise Unauthorized(
            "The caller was not signed in by Entra ID.",
            remedy="Leave Entra ID as the only identity provider of the function app.",
        )
    names = principal.all(principal.name_typ, *_NAME_CLAIMS)
    object_ids = principal.all(*_OBJECT_ID_CLAIMS)
    return Caller(
        name=next((_shown(name) for name in names if name), "unnamed"),
        object_id=next((_shown(found) for found in object_ids if found), None),
        roles=frozenset(principal.all(principal.role_typ, *_ROLE_CLAIMS)) & frozenset(ROLES),
    )


def _shown(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:_MAX_NAME_CHARACTERS]


def _refuse_other_sites(headers: Mapping[str, str]) -> None:
    """Refuses a change that rides on the sign-in cookie from another site's page.

    A request that carries its own token cannot be forged by another site. Browsers
    send Sec-Fetch-Site with every request; Origin stands in where one does not.
    Source: https://www.w3.org/TR/fetch-metadata/
    """
    if headers.get("Authorization") or headers.get("X-ZUMO-AUTH"):
        return
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        same = site in ("same-origin", "none")
    else:
        origin = headers.get("Origin")
        same = origin is None or _host(origin) in {
            headers.get("Host", "").casefold(),
            headers.get("X-Forwarded-Host", "").casefold(),
        } - {""}
    if not same:
        raise Forbidden(
            "The change was asked for by a page of another site.",
            remedy="Use this app's own pages, or send a bearer token.",
            code="cross_site",
        )


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.casefold()
    except ValueError:
        return ""
