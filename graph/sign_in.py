"""Signs in to Entra ID: as one application, or by the sign-in of somebody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from azure.identity.aio import CertificateCredential, ClientSecretCredential

from errors import ClientAssertionFailed
from graph.delegated import DelegatedCredential
from portals.certificates import ClientSecretMaterial, DelegatedMaterial

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.pipeline import PipelineResponse

    from graph.delegated import Keep
    from identifiers import ClientId, TenantId
    from portals.certificates import Material
    from portals.model import Cloud


class RenewableCredential:
    """Azure Identity's credential, which keeps a token to its end unless told to `renew`."""

    def __init__(self, make: Callable[[], ClientSecretCredential | CertificateCredential]) -> None:
        self._make = make
        self._made = [make()]
        self._asking = asyncio.Lock()

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **options: Any,
    ) -> AccessToken:
        """The token kept, or a new one; who asks at the same time gets the same."""
        async with self._asking:
            return await self._made[-1].get_token(
                *scopes, claims=claims, tenant_id=tenant_id, enable_cae=enable_cae, **options
            )

    def renew(self) -> None:
        """Lets the next token be a new one: a tenant may withdraw one before its end."""
        # the one before may be in use at this moment
        self._made.append(self._make())

    async def close(self) -> None:
        """Closes the connections."""
        for made in self._made:
            await made.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self.close()


def open_credential(
    cloud: Cloud,
    tenant_id: TenantId,
    client_id: ClientId,
    material: Material,
    timeout_seconds: int,
    on_answer: Callable[[PipelineResponse[Any, Any]], None],
    keep: Keep | None,
) -> RenewableCredential | DelegatedCredential:
    """The credential for the material; `keep` stores a renewed sign-in of somebody.

    Raises ClientAssertionFailed if it cannot sign, SignInMissing if nobody has signed in.
    """
    if isinstance(material, DelegatedMaterial):
        return DelegatedCredential(cloud, tenant_id, client_id, material, timeout_seconds, keep)
    options: dict[str, Any] = {
        "authority": cloud.login_url,
        "disable_instance_discovery": not cloud.instance_discovery,
        "retry_total": 2,
        "retry_backoff_factor": 0.3,
        "connection_timeout": min(10, timeout_seconds),
        "read_timeout": timeout_seconds,
        "raw_response_hook": on_answer,
    }
    if isinstance(material, ClientSecretMaterial):
        return RenewableCredential(
            lambda: ClientSecretCredential(tenant_id, client_id, material.value, **options)
        )
    if material.not_after <= datetime.now(UTC):
        raise assertion_failed(f"the certificate expired on {material.not_after:%Y-%m-%d}")
    try:
        return RenewableCredential(
            lambda: CertificateCredential(
                tenant_id, client_id, certificate_data=material.pem(), **options
            )
        )
    except ValueError as error:
        raise assertion_failed(type(error).__name__) from None


def assertion_failed(cause: str) -> ClientAssertionFailed:
    """The error for an assertion that could not be signed."""
    return ClientAssertionFailed(
        "JSON Web Token generation for authentication with GraphAPI failed.",
        remedy=f"Create or add the certificate again, with its private key. Cause: {cause}.",
    )
