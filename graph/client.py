"""Calls Graph for one portal through Microsoft's SDK, and decodes the answers itself.

The SDK builds the requests, authenticates and redirects. Its models take some
3 ms a user; bulk reads therefore take the raw answer and decode it with
msgspec.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import msgspec
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import CredentialUnavailableError
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_abstractions.method import Method
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from kiota_http._exceptions import RedirectError
from kiota_http.middleware import ParametersNameDecodingHandler
from kiota_http.middleware.options import ResponseHandlerOption
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph_core import GraphClientFactory

from errors import GraphError, Misconfigured
from graph.delegated import Keep
from graph.errors import (
    failure,
    sign_in_failed,
    token_rejected,
    unreachable,
    unreadable_failure,
    unreadable_success,
)
from graph.redirects import HeldRedirects, same_service
from graph.retry import GraphCounts, RetryMiddleware, retry_after_seconds
from graph.sign_in import assertion_failed, open_credential
from identifiers import ClientId, TenantId
from portals.certificates import CertificateMaterial, DelegatedMaterial, Material
from portals.model import Cloud

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.pipeline import PipelineResponse

    from settings import Settings

Answer = TypeVar("Answer")


class _Claims(msgspec.Struct):
    roles: tuple[str, ...] = ()
    scp: str = ""


class GraphFactory:
    """Opens clients with the deployment's time-outs and retries.

    `keep` stores the token cache of a portal for which somebody signed in,
    whenever its refresh token was renewed.
    """

    def __init__(self, settings: Settings, keep: Keep | None = None) -> None:
        self._keep = keep
        self._timeout_seconds = settings.graph_timeout_seconds
        self._max_retries = settings.graph_max_retries

    def __call__(
        self, cloud: Cloud, tenant_id: TenantId, client_id: ClientId, material: Material
    ) -> GraphClient:
        """A client for one tenant; use it as an async context manager.

        Raises ClientAssertionFailed if the certificate cannot sign, and
        SignInMissing if nobody has signed in.
        """
        return GraphClient(
            cloud,
            tenant_id,
            client_id,
            material,
            timeout_seconds=self._timeout_seconds,
            max_retries=self._max_retries,
            trusted=self._trusted,
            keep=self._keep,
        )

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        """The authorities by which Graph is known; reading them anew takes 14 ms a client."""
        return httpx.create_ssl_context()


class GraphClient:
    """Graph v1.0 as one application in one tenant."""

    def __init__(
        self,
        cloud: Cloud,
        tenant_id: TenantId,
        client_id: ClientId,
        material: Material,
        *,
        timeout_seconds: int,
        max_retries: int,
        trusted: ssl.SSLContext,
        keep: Keep | None = None,
    ) -> None:
        self.delegated = isinstance(material, DelegatedMaterial)
        self.cloud = cloud
        self.tenant_id = tenant_id
        self.counts = GraphCounts()
        self.max_retries = max_retries
        self._secrets = material.secrets()
        self._signs = isinstance(material, CertificateMaterial)
        self._scope = f"{cloud.graph_url}/.default"
        self._host = urlsplit(cloud.graph_url).netloc
        # the SDK's errors do not always tell it
        self._sign_in_status: int | None = None
        self._credential = open_credential(
            cloud, tenant_id, client_id, material, timeout_seconds, self._note_sign_in, keep
        )
        # the SDK's own transport does not hand closing on, so this one is kept
        self._transport = httpx.AsyncHTTPTransport(
            verify=trusted,
            proxy=_proxy(self._host),
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
        )
        timeout = httpx.Timeout(timeout_seconds, connect=min(10, timeout_seconds))
        self._http = GraphClientFactory.create_with_custom_middleware(
            [
                HeldRedirects(cloud.graph_url),
                RetryMiddleware(self.counts, max_retries=max_retries),
                ParametersNameDecodingHandler(),
            ],
            client=httpx.AsyncClient(timeout=timeout, transport=self._transport),
        )
        self._tokenless = httpx.AsyncClient(timeout=timeout, transport=self._transport)
        provider = AzureIdentityAuthenticationProvider(
            self._credential,
            scopes=[self._scope],
            allowed_hosts=[self._host, self._host.partition(":")[0]],
        )
        self.adapter = GraphRequestAdapter(provider, self._http)
        self.adapter.base_url = f"{cloud.graph_url}/v1.0"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()
        await self._transport.aclose()
        await self._credential.close()

    async def roles(self) -> frozenset[str]:
        """The permissions that the tenant's consent put into the access token.

        They are the application's own, or those it has for whoever signed in.

        Raises TokenRejected, ClientAssertionFailed, GraphUnreachable.
        """
        token = await self._guarded(self._token)
        try:
            payload = token.token.split(".")[1]
            padded = payload + "=" * (-len(payload) % 4)
            claims = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Claims)
        except (IndexError, ValueError, msgspec.DecodeError) as error:
            raise unreadable_success(None) from error
        return frozenset(claims.roles).union(claims.scp.split())

    def _note_sign_in(self, response: PipelineResponse[Any, Any]) -> None:
        self._sign_in_status = response.http_response.status_code

    async def _token(self) -> AccessToken:
        return await self._credential.get_token(self._scope)

    async def read(
        self, request: RequestInformation, answer: msgspec.json.Decoder[Answer], *, permission: str
    ) -> Answer:
        """Sends a request that the SDK built, and decodes its answer.

        `permission` is the least one that the call needs, named when it is
        missing. Raises GraphError.
        """
        response = await self.answer(request)
        request_id = response.headers.get("request-id")
        if not response.is_success:
            raise failed(response, permission)
        try:
            return answer.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise unreadable_success(request_id) from error

    async def answer(self, request: RequestInformation) -> httpx.Response:
        """Graph's raw answer to a request, of any status. Raises GraphError if there is none.

        A request whose token is refused is sent once more, with a new one.
        """
        request.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
        response = await self._guarded(lambda: self._send(request))
        if response.status_code == 401:
            # the token may have been withdrawn in the midst of a long read
            self._credential.renew()
            request.headers.remove("Authorization")
            response = await self._guarded(lambda: self._send(request))
        return response

    async def download(self, address: str, target: BinaryIO) -> httpx.Response:
        """Writes what a pre-authenticated address holds into `target`, as it arrives.

        The access token stays with Graph. Returns the answer, whose body is
        read; nothing is written unless it is a success. Raises
        GraphUnreachable, also for a body that ends early.
        """
        self.counts.requests += 1

        async def read() -> httpx.Response:
            async with self._tokenless.stream("GET", address) as response:
                if response.is_success:
                    async for chunk in response.aiter_bytes():
                        target.write(chunk)
                return response

        return await self._guarded(read)

    async def read_link(
        self,
        link: str,
        answer: msgspec.json.Decoder[Answer],
        *,
        permission: str,
        headers: HeadersCollection | None = None,
    ) -> Answer:
        """Follows a link that Graph gave, unchanged; it must lead to the same Graph."""
        if not same_service(link, self.cloud.graph_url):
            raise unreadable_success(None)
        request = RequestInformation(Method.GET)
        request.url = link
        request.headers.try_add("Accept", "application/json")
        if headers is not None:
            request.headers.add_all(headers)
        return await self.read(request, answer, permission=permission)

    async def _send(self, request: RequestInformation) -> httpx.Response:
        response = await self.adapter.send_primitive_async(request, "bytes", {})
        if not isinstance(response, httpx.Response):
            raise TypeError("the native response handler gave no response")
        return response

    async def _guarded(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """The call's result; what the SDKs raise becomes the ledger's errors."""
        try:
            return await call()
        except GraphError:
            raise
        except httpx.DecodingError as error:
            raise unreadable_success(None) from error
        except httpx.RequestError as error:
            raise unreachable(self.cloud, type(error).__name__) from error
        except (ServiceRequestError, ServiceResponseError) as error:
            raise unreachable(self.cloud, type(error).__name__) from error
        except DecodeError as error:
            raise unreadable_success(None) from error
        except (CredentialUnavailableError, ClientAuthenticationError) as error:
            # the SDK's text can hold the request; nothing of it is chained
            raise sign_in_failed(self._sign_in_status, error.message, self._secrets) from None
        except AzureError as error:
            raise token_rejected(str(error), self._secrets) from None
        except RedirectError as error:
            raise unreadable_failure(302, None) from error
        except ValueError as error:
            if self._signs:
                raise assertion_failed(type(error).__name__) from None
            raise sign_in_failed(
                self._sign_in_status, type(error).__name__, self._secrets
            ) from None


def failed(response: httpx.Response, permission: str) -> GraphError:
    """The error for an answer that is no success."""
    return failure(
        response.status_code,
        response.content,
        permission=permission,
        request_id=response.headers.get("request-id"),
        retry_after_seconds=retry_after_seconds(
            response.headers.get("Retry-After"), datetime.now(UTC)
        ),
    )


def _proxy(host: str) -> str | None:
    """The proxy that the machine is set up to use for the host. Raises Misconfigured."""
    proxy = None if proxy_bypass(host) else getproxies().get("https")
    if proxy is not None and not proxy.startswith(("http://", "https://")):
        # the value is not shown, since it may hold a password
        raise Misconfigured(
            "HTTPS_PROXY is not the address of a proxy.",
            remedy="Set HTTPS_PROXY to http://…, or remove it.",
        )
    return proxy
