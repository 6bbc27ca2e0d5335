"""Signs somebody in for a portal: where to go, and what comes back. No name or password is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from errors import Conflict, InvalidInput, PreconditionFailed
from graph.errors import SIGN_IN_AGAIN
from graph.permissions import needs_of
from identifiers import PortalId, canonical_guid
from portals.certificates import DelegatedMaterial
from portals.connection_test import tasks_of
from portals.model import Authorization

if TYPE_CHECKING:
    from composition import Ledger
    from graph.delegated import DelegatedSignIn
    from portals.model import Portal

CALLBACK_ROUTE = "authorize/callback"
LIFETIME = timedelta(minutes=10)
_UPDATE_TRIES = 3


class SignInPage(msgspec.Struct, frozen=True):
    """Microsoft's address to sign in at; its representation does not show it."""

    url: str
    redirect_uri: str
    expires_at: datetime

    def __repr__(self) -> str:
        return "SignInPage(…)"


async def begin_sign_in(ledger: Ledger, portal_id: PortalId, redirect_uri: str) -> SignInPage:
    """Begins a sign-in for a portal whose credential is delegated; ends one begun before.

    Raises NotFound, Conflict for another kind of credential, CredentialMissing,
    and GraphError if the tenant's sign-in service cannot be found.
    """
    portal = await ledger.portals.get(portal_id)
    sign_in = await _sign_in(ledger, portal)
    # the portal's ID in the state leads the answer home, and the rest nobody can guess
    state = f"{portal_id}.{secrets.token_urlsafe(32)}"
    permissions = [need.permission for need in needs_of(tasks_of(portal))]
    flow = await sign_in.begin(permissions, redirect_uri, state)
    address = str(flow.pop("auth_uri"))
    expires_at = ledger.clock() + LIFETIME
    before = await ledger.authorizations.get(portal_id)
    flow_secret = await ledger.credentials.store_flow(
        portal_id, msgspec.json.encode(flow).decode(), expires_at
    )
    await ledger.authorizations.begin(
        Authorization(
            portal_id, _digest(state), flow_secret, portal.credential.secret_name, expires_at
        )
    )
    if before is not None:
        await ledger.credentials.delete_flow(before.flow_secret)
    return SignInPage(address, redirect_uri, expires_at)


async def finish_sign_in(ledger: Ledger, answer: Mapping[str, str]) -> Portal:
    """Exchanges the code that Entra sent back, and stores MSAL's token cache.

    The state serves once, for ten minutes, and for the portal it was made
    for. Raises InvalidInput for any other state, TokenRejected if Entra or the
    person refused, and GraphError.
    """
    authorization = await _consumed(ledger, answer.get("state", ""))
    flow = await ledger.credentials.take_flow(authorization.flow_secret)
    portal = await ledger.portals.get(authorization.portal_id)
    if portal.credential.secret_name != authorization.credential_secret:
        raise Conflict(
            "The portal's credential was replaced since the sign-in began.", remedy=SIGN_IN_AGAIN
        )
    if "code" not in answer:
        from graph.delegated import refused

        raise refused(answer.get("error_description") or answer.get("error") or "", ())
    sign_in = await _sign_in(ledger, portal)
    content: dict[str, Any] = msgspec.json.decode(flow)
    signed_in = await sign_in.finish(content, answer)
    await ledger.credentials.keep(portal.portal_id, signed_in)
    return await _noted(ledger, portal)


async def forget_sign_in(ledger: Ledger, portal_id: PortalId) -> None:
    """Ends a sign-in that has begun for a portal; succeeds on the absent."""
    authorization = await ledger.authorizations.get(portal_id)
    if authorization is not None and await ledger.authorizations.consume(authorization):
        await ledger.credentials.delete_flow(authorization.flow_secret)


async def _sign_in(ledger: Ledger, portal: Portal) -> DelegatedSignIn:
    from graph.delegated import DelegatedSignIn

    if portal.credential.kind != "delegated":
        raise Conflict(
            "The portal signs in as an application, not for somebody.",
            remedy="Give the portal a credential of the kind delegated first.",
        )
    material = await ledger.credentials.read(portal.credential)
    if not isinstance(material, DelegatedMaterial):
        raise TypeError("the vault holds another kind of credential than the portal says")
    return DelegatedSignIn(
        ledger.settings.cloud(portal.cloud),
        portal.tenant_id,
        portal.client_id,
        material,
        ledger.settings.graph_timeout_seconds,
    )


async def _consumed(ledger: Ledger, state: str) -> Authorization:
    portal_id = canonical_guid(state.partition(".")[0])
    found = await ledger.authorizations.get(PortalId(portal_id)) if portal_id else None
    usable = (
        found is not None
        and hmac.compare_digest(found.state_sha256, _digest(state))
        and found.expires_at > ledger.clock()
    )
    if found is None or not usable or not await ledger.authorizations.consume(found):
        raise InvalidInput(
            "state",
            "The sign-in is not one that was begun here, was used already, or took too long.",
            remedy=SIGN_IN_AGAIN,
        )
    return found


async def _noted(ledger: Ledger, portal: Portal) -> Portal:
    """The portal with the time of the sign-in, whoever else changes it meanwhile."""
    for _ in range(_UPDATE_TRIES - 1):
        try:
            return await _updated(ledger, portal)
        except PreconditionFailed:
            portal = await ledger.portals.get(portal.portal_id)
    return await _updated(ledger, portal)


async def _updated(ledger: Ledger, portal: Portal) -> Portal:
    credential = msgspec.structs.replace(portal.credential, signed_in_at=ledger.clock())
    changed = msgspec.structs.replace(portal, credential=credential)
    return await ledger.portals.update(changed, etag=None)


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
