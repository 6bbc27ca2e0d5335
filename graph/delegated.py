"""Signs in for somebody: Microsoft's address, the code's exchange, and tokens from then on.

MSAL does the protocol. It is synchronous, so it runs in threads. Of what it
keeps, only refresh tokens and the IDs that they belong to are stored: names
and access tokens, which carry names too, are taken out.
Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msal
import msgspec
import requests
from azure.core.credentials import AccessToken

from errors import GraphError, LedgerError, SignInMissing, TokenRejected
from graph.errors import SIGN_IN_AGAIN, sign_in_failed, token_rejected, unreachable
from graph.errors import unreadable_success as unreadable
from portals.certificates import DelegatedMaterial

if TYPE_CHECKING:
    from identifiers import ClientId, TenantId
    from portals.model import Cloud

logger = logging.getLogger("ledger365.graph")

Result = TypeVar("Result")
Keep = Callable[[DelegatedMaterial], Awaitable[None]]
_EARLY_SECONDS = 300
_AADSTS = re.compile(r"AADSTS[0-9]+")
_STATUS = re.compile(r"\b[45][0-9]{2}\b")
# Entra names whoever signed in in some of its refusals
_ADDRESS = re.compile(r"[^\s'\"<>()]+@[^\s'\"<>()]+")


class DelegatedSignIn:
    """The two steps of a sign-in at one tenant, as one app registration."""

    def __init__(
        self,
        cloud: Cloud,
        tenant_id: TenantId,
        client_id: ClientId,
        material: DelegatedMaterial,
        timeout_seconds: int,
    ) -> None:
        self._cloud = cloud
        self._tenant_id = tenant_id
        self._material = material
        self._cache = msal.SerializableTokenCache()
        self._make: Callable[[], Any] = lambda: _application(
            cloud, tenant_id, client_id, material, self._cache, timeout_seconds
        )

    async def begin(
        self, permissions: Sequence[str], redirect_uri: str, state: str
    ) -> dict[str, Any]:
        """MSAL's flow: `auth_uri` is where to sign in, and all of it is a secret until then.

        Raises GraphError if the tenant's sign-in service cannot be found.
        """
        scopes = [f"{self._cloud.graph_url}/{permission}" for permission in permissions]

        def start() -> dict[str, Any]:
            return dict(
                self._make().initiate_auth_code_flow(
                    scopes,
                    redirect_uri=redirect_uri,
                    state=state,
                    prompt="select_account",
                    response_mode="query",
                )
            )

        return await _called(self._cloud, start, self._material.secrets())

    async def finish(self, flow: dict[str, Any], answer: Mapping[str, str]) -> DelegatedMaterial:
        """The material with the tokens for the code in `answer`. Raises GraphError."""
        result = await _called(
            self._cloud,
            lambda: self._make().acquire_token_by_auth_code_flow(flow, dict(answer)),
            self._material.secrets(),
        )
        _check(result, self._material.secrets())
        if result.get("id_token_claims", {}).get("tid") != self._tenant_id:
            raise TokenRejected(
                "Somebody of another tenant signed in.",
                remedy="Sign in with an account of the portal's tenant.",
            )
        signed_in = msgspec.structs.replace(self._material, token_cache=_stripped(self._cache))
        if not signed_in.refresh_tokens():
            raise TokenRejected(
                "Entra ID gave no refresh token.",
                remedy="Let the app registration have the delegated permission offline_access.",
            )
        return signed_in


class DelegatedCredential:
    """Tokens for Graph by the refresh token of whoever signed in, in azure-identity's manner."""

    def __init__(
        self,
        cloud: Cloud,
        tenant_id: TenantId,
        client_id: ClientId,
        material: DelegatedMaterial,
        timeout_seconds: int,
        keep: Keep | None,
    ) -> None:
        if not material.refresh_tokens():
            raise _nobody()
        self._cloud = cloud
        self._material = material
        self._keep = keep
        self._cache = msal.SerializableTokenCache()
        self._cache.deserialize(material.token_cache)
        self._make: Callable[[], Any] = lambda: _application(
            cloud, tenant_id, client_id, material, self._cache, timeout_seconds
        )
        self._token: AccessToken | None = None
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AccessToken:
        """An access token; the renewed refresh token is kept. Raises GraphError, SignInMissing."""
        async with self._renewing:
            now = time.time()
            fresh = self._token is not None and self._token.expires_on > now + _EARLY_SECONDS
            if self._token is None or not fresh or claims is not None:
                self._token = await self._renew(list(scopes), claims)
            return self._token

    async def _renew(self, scopes: list[str], claims: str | None) -> AccessToken:
        def silently() -> dict[str, Any] | None:
            application = self._make()
            accounts = application.get_accounts()
            if not accounts:
                return None
            found = application.acquire_token_silent_with_error(
                scopes, accounts[0], claims_challenge=claims
            )
            return dict(found) if found is not None else None

        secrets = self._material.secrets()
        result = await _called(self._cloud, silently, secrets)
        if result is None:
            raise _nobody()
        _check(result, secrets)
        renewed = msgspec.structs.replace(self._material, token_cache=_stripped(self._cache))
        if renewed.refresh_tokens() != self._material.refresh_tokens():
            self._material = renewed
            await self._save()
        return AccessToken(result["access_token"], int(time.time()) + int(result["expires_in"]))

    async def _save(self) -> None:
        if self._keep is None:
            return
        try:
            await self._keep(self._material)
        except LedgerError as error:
            # the token before it stays good for a while, and the next run tries again
            logger.warning("A renewed sign-in could not be kept: %s", error.message)

    def renew(self) -> None:
        """Lets the next token be a new one: a tenant may withdraw one before its end."""
        self._token = None

    async def close(self) -> None:
        """Nothing stays open."""


def _nobody() -> SignInMissing:
    return SignInMissing(
        "Nobody has signed in for the portal, or not since its app or tenant changed.",
        remedy="Have an administrator of the tenant sign in: authorize of the portal answers "
        "where.",
    )


def _application(
    cloud: Cloud,
    tenant_id: TenantId,
    client_id: ClientId,
    material: DelegatedMaterial,
    cache: msal.SerializableTokenCache,
    timeout_seconds: int,
) -> msal.ClientApplication:
    """MSAL's application; making it asks the sign-in service for its addresses."""
    options: dict[str, Any] = {
        "authority": f"{cloud.login_url}/{tenant_id}",
        "token_cache": cache,
        "timeout": timeout_seconds,
        # the profile would bring the name of whoever signs in
        "exclude_scopes": ["profile"],
    }
    if not cloud.instance_discovery:
        options["instance_discovery"] = False
    if material.client_secret is None:
        return msal.PublicClientApplication(client_id, **options)
    return msal.ConfidentialClientApplication(
        client_id, client_credential=material.client_secret, **options
    )


async def _called(cloud: Cloud, call: Callable[[], Result], secrets: Sequence[str]) -> Result:
    """What MSAL returns; what it raises becomes the ledger's errors, without its texts."""
    try:
        return await asyncio.to_thread(call)
    except (
        msal.exceptions.MsalError,
        requests.RequestException,
        ValueError,
        RuntimeError,
    ) as error:
        raise _translated(cloud, error, secrets) from None


def _translated(cloud: Cloud, error: BaseException, secrets: Sequence[str]) -> GraphError:
    """The ledger's error for what MSAL raised; it wraps what happened in errors of its own."""
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    for link in chain:
        refusal = _AADSTS.search(str(link))
        if refusal is not None:
            return refused(str(link)[refusal.start() :], secrets)
    for link in chain:
        status = _STATUS.search(str(link))
        if isinstance(link, json.JSONDecodeError):
            return unreadable(None)
        if isinstance(link, requests.HTTPError | msal.exceptions.MsalServiceError) and status:
            return sign_in_failed(int(status.group()), "", secrets)
        if isinstance(link, requests.RequestException):
            return unreachable(cloud, type(link).__name__)
    return token_rejected(f"{type(error).__name__} of the sign-in library", secrets)


def _check(result: Mapping[str, Any], secrets: Sequence[str]) -> None:
    if "access_token" in result:
        return
    raise refused(str(result.get("error_description") or result.get("error") or ""), secrets)


def refused(text: str, secrets: Sequence[str]) -> TokenRejected:
    """The error for a sign-in that Entra or the person refused; `text` is Entra's, of which
    addresses of people are left out.
    """
    rejected = token_rejected(_ADDRESS.sub("…", text), secrets)
    if rejected.microsoft_code is None:
        rejected.remedy = SIGN_IN_AGAIN
    return rejected


def _stripped(cache: msal.SerializableTokenCache) -> str:
    """The cache with what renews tokens, and nothing that names anybody."""
    content = json.loads(cache.serialize())
    for account in content.get("Account", {}).values():
        account["username"] = ""
    kept = {part: content[part] for part in ("Account", "RefreshToken") if part in content}
    return json.dumps(kept)
