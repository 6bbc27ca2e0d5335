"""Microsoft's SDKs, unmodified, meet in the simulator what they meet in the cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity.aio import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)
from azure.keyvault.secrets.aio import SecretClient
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from kiota_http.middleware.options import RetryHandlerOption
from msgraph.generated.models.assigned_license import AssignedLicense
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder
from msgraph.generated.users.item.assign_license.assign_license_post_request_body import (
    AssignLicensePostRequestBody,
)
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory
from msgraph_core.tasks.page_iterator import PageIterator

from devhost.stack import Stack
from simulator.control import IMPORT_PERMISSIONS, Control
from tests.certificates import new_certificate

SECRET = "a-client-secret-of-some-length"
PERMISSIONS = (*IMPORT_PERMISSIONS, "LicenseAssignment.ReadWrite.All")


class App:
    """An app registration in a tenant, and the SDKs that use it."""

    def __init__(self, control: Control, **spec: Any) -> None:
        self.control = control
        self.url = control.url
        self.tenant_id = control.create_tenant(**{"users": 25, **spec})
        self.client_id = str(uuid.uuid4())
        self.options: dict[str, Any] = {
            "authority": self.url,
            "disable_instance_discovery": True,
            "retry_total": 0,
        }
        self.register(secret=SECRET)

    def register(self, **values: Any) -> None:
        """Registers the app anew."""
        self.control.register(
            self.tenant_id, self.client_id, **{"permissions": PERMISSIONS, **values}
        )

    def secret(self, value: str = SECRET) -> ClientSecretCredential:
        """A credential with a client secret."""
        return ClientSecretCredential(self.tenant_id, self.client_id, value, **self.options)

    def certificate(self, pem: str) -> CertificateCredential:
        """A credential with a certificate and its key."""
        return CertificateCredential(
            self.tenant_id, self.client_id, certificate_data=pem.encode(), **self.options
        )

    async def refusal(self, credential: ClientSecretCredential | CertificateCredential) -> str:
        """What the SDK says when the sign-in is refused."""
        async with credential:
            with pytest.raises(ClientAuthenticationError) as refused:
                await credential.get_token(f"{self.url}/.default")
        return str(refused.value.message)


@pytest.fixture
def app(cloud: Control) -> App:
    """An app in a tenant of 25 users."""
    return App(cloud)


@pytest.fixture
async def graph(app: App) -> AsyncIterator[GraphServiceClient]:
    """The SDK's own client, with the SDK's own transport and middleware."""
    credential = app.secret()
    host = app.url.removeprefix("https://")
    http = GraphClientFactory.create_with_default_middleware(
        options={RetryHandlerOption.get_key(): RetryHandlerOption(should_retry=False)}
    )
    adapter = GraphRequestAdapter(
        AzureIdentityAuthenticationProvider(
            credential,
            scopes=[f"{app.url}/.default"],
            allowed_hosts=[host, host.partition(":")[0]],
        ),
        http,
    )
    adapter.base_url = f"{app.url}/v1.0"
    yield GraphServiceClient(request_adapter=adapter)
    # the SDK hides its transport from closing
    await http._transport.transport.aclose()
    await http.aclose()
    await credential.close()


@pytest.fixture
async def vault(cloud: Control) -> AsyncIterator[SecretClient]:
    """The vault, for the app's managed identity."""
    identity = ManagedIdentityCredential()
    async with (
        identity,
        SecretClient(cloud.url, identity, verify_challenge_resource=False, retry_total=0) as client,
    ):
        yield client
    cloud.call("vault", purge_protected=False, refused=False)


CHILD = """
import asyncio, os, sys
from azure.identity.aio import ClientSecretCredential

async def main():
    url, tenant, client, secret = sys.argv[1:]
    async with ClientSecretCredential(
        tenant, client, secret, authority=url, disable_instance_discovery=True, retry_total=0
    ) as credential:
        token = await credential.get_token(url + "/.default")
        print(len(token.token.split(".")))

asyncio.run(main())
"""


@pytest.mark.parametrize("trusting", [True, False])
def test_a_process_needs_nothing_but_the_authority_to_sign_in(
    app: App, parts: Stack, trusting: bool
):
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    }
    if trusting:
        environment["SSL_CERT_FILE"] = str(parts.ca_bundle)
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", CHILD, app.url, app.tenant_id, app.client_id, SECRET],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stdout.strip() == "3") is trusting, ended.stderr
    assert trusting or "CERTIFICATE_VERIFY_FAILED" in ended.stderr


async def test_a_secret_and_a_certificate_get_a_token(app: App):
    made = new_certificate()
    app.register(secret=SECRET, certificates=[made.certificate_pem])
    for credential in (app.secret(), app.certificate(made.key_pem + made.certificate_pem)):
        async with credential:
            token = await credential.get_token(f"{app.url}/.default")
            assert token.token.count(".") == 2
            assert await credential.get_token(f"{app.url}/.default") == token, "cached"


async def test_sign_ins_are_refused_with_the_codes_of_entra(app: App):
    made, other = new_certificate(), new_certificate(key_number=1)
    pem = made.key_pem + made.certificate_pem
    assert "AADSTS7000215" in await app.refusal(app.secret("wrong"))
    assert "AADSTS700027" in await app.refusal(app.certificate(pem))
    app.register(certificates=[other.certificate_pem])
    assert "AADSTS700027" in await app.refusal(app.certificate(pem))
    assert "AADSTS7000215" in await app.refusal(app.secret())
    expired = new_certificate(days=-1)
    app.register(certificates=[expired.certificate_pem])
    refused = await app.refusal(app.certificate(expired.key_pem + expired.certificate_pem))
    assert "AADSTS700027" in refused
    app.register(secret=SECRET, secret_expires="2020-01-01T00:00:00+00:00")
    assert "AADSTS7000222" in await app.refusal(app.secret())
    app.control.call("application", tenant_id=app.tenant_id, client_id=app.client_id, enabled=False)
    assert "AADSTS7000112" in await app.refusal(app.secret())
    app.client_id = str(uuid.uuid4())
    assert "AADSTS700016" in await app.refusal(app.secret())
    app.tenant_id = str(uuid.uuid4())
    assert "AADSTS90002" in await app.refusal(app.secret())


async def test_a_scope_of_another_cloud_is_refused(app: App):
    async with app.secret() as credential:
        with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
            await credential.get_token("https://graph.microsoft.us/.default")


def paged(top: int, *select: str) -> RequestConfiguration[Any]:
    """A request of that many users a page."""
    return RequestConfiguration(
        query_parameters=UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
            top=top, select=list(select)
        )
    )


async def test_the_page_iterator_walks_to_the_end(app: App, graph: GraphServiceClient):
    first = await graph.users.get(paged(10, "id", "displayName", "licenseAssignmentStates"))
    assert first is not None
    assert first.value is not None
    assert len(first.value) == 10
    assert first.value[0].mail is None, "not selected"
    assert first.value[0].license_assignment_states
    seen: list[str] = []

    def keep(user: Any) -> bool:
        seen.append(user.id)
        return True

    iterator: Any = PageIterator(first, graph.request_adapter)
    await iterator.iterate(keep)
    assert len(set(seen)) == len(seen) == 25


async def test_the_typed_models_understand_skus_subscriptions_and_groups(
    app: App, graph: GraphServiceClient
):
    app.control.call("group", tenant_id=app.tenant_id, name="Sales", skus=["SPE_E3"])
    skus = await graph.subscribed_skus.get()
    assert skus is not None
    assert {str(sku.sku_id): sku.consumed_units for sku in skus.value or ()} == app.control.truth(
        app.tenant_id
    )["consumed"]
    for sku in skus.value or ():
        assert sku.prepaid_units is not None
        assert sku.prepaid_units.enabled == 25
        assert sku.service_plans
    subscriptions = await graph.directory.subscriptions.get()
    assert subscriptions is not None
    for subscription in subscriptions.value or ():
        assert subscription.created_date_time
        assert subscription.next_lifecycle_date_time
        assert subscription.total_licenses == 25
    groups = await graph.groups.get()
    assert groups is not None
    assert [group.display_name for group in groups.value or ()] == ["Sales"]
    organizations = await graph.organization.get()
    assert organizations is not None
    assert [o.id for o in organizations.value or ()] == [app.tenant_id]


async def test_a_missing_role_is_an_odata_error(app: App, graph: GraphServiceClient):
    app.register(secret=SECRET, permissions=["Organization.Read.All"])
    assert await graph.organization.get()
    with pytest.raises(ODataError) as denied:
        await graph.users.get()
    assert denied.value.response_status_code == 403
    assert denied.value.error is not None
    assert denied.value.error.code == "Authorization_RequestDenied"
    assert denied.value.error.inner_error is not None
    assert denied.value.error.inner_error.request_id


async def test_delta_tells_changes_and_removals_until_its_link_expires(
    app: App, graph: GraphServiceClient
):
    parameters = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(
        select=["id", "displayName", "assignedLicenses"]
    )
    first = await graph.users.delta.get(RequestConfiguration(query_parameters=parameters))
    assert first is not None
    assert first.odata_delta_link
    users = [str(user.id) for user in first.value or ()]
    assert len(users) == 25
    control, tenant_id = app.control, app.tenant_id
    control.call(
        "change-user", tenant_id=tenant_id, user_id=users[0], values={"display_name": "New Name"}
    )
    control.call("assign", tenant_id=tenant_id, user_id=users[1], part_number="VISIOCLIENT")
    control.call("delete-user", tenant_id=tenant_id, user_id=users[2])
    control.call("delete-user", tenant_id=tenant_id, user_id=users[3])
    control.call("purge-user", tenant_id=tenant_id, user_id=users[3])
    changed = await graph.users.delta.with_url(first.odata_delta_link).get()
    assert changed is not None
    by_id = {user.id: user for user in changed.value or ()}
    assert by_id.keys() == set(users[:4])
    assert by_id[users[0]].display_name == "New Name"
    assert len(by_id[users[1]].assigned_licenses or ()) == 2
    assert by_id[users[2]].additional_data["@removed"] == {"reason": "changed"}
    assert by_id[users[3]].additional_data["@removed"] == {"reason": "deleted"}
    control.fault("status", status=410, match="users/delta", tenant=tenant_id, times=1)
    with pytest.raises(ODataError) as moved:
        await graph.users.delta.with_url(first.odata_delta_link).get()
    assert moved.value.response_status_code == 410
    control.call("expire-deltas", tenant_id=tenant_id)
    with pytest.raises(ODataError) as expired:
        await graph.users.delta.with_url(first.odata_delta_link).get()
    assert expired.value.response_status_code == 400
    assert expired.value.error is not None
    assert expired.value.error.code == "syncStateNotFound"


async def test_licenses_are_taken_and_given_and_refused(app: App, graph: GraphServiceClient):
    truth = app.control.truth(app.tenant_id, users=True)
    e3, visio = (uuid.UUID(truth["part_numbers"][p]) for p in ("SPE_E3", "VISIOCLIENT"))
    user_id = next(iter(truth["users"]))
    assign = graph.users.by_user_id(user_id).assign_license

    def body(
        added: list[uuid.UUID] | None, removed: list[uuid.UUID] | None
    ) -> AssignLicensePostRequestBody:
        licenses = [AssignedLicense(sku_id=s, disabled_plans=[]) for s in added or ()]
        return AssignLicensePostRequestBody(
            add_licenses=licenses if added is not None else None, remove_licenses=removed
        )

    after = await assign.post(body([visio], [e3]))
    assert after is not None
    assert [license_.sku_id for license_ in after.assigned_licenses or ()] == [visio]
    consumed = app.control.truth(app.tenant_id)["consumed"]
    assert consumed[str(e3)] == truth["consumed"][str(e3)] - 1
    for refused, text in (
        (body([], [e3]), "not have a corresponding license"),
        (body([], None), "missing parameters are: removeLicenses"),
        (body([uuid.uuid4()], []), "not correspond to a valid company License"),
    ):
        with pytest.raises(ODataError, match=text) as error:
            await assign.post(refused)
        assert error.value.response_status_code == 400
    with pytest.raises(ODataError) as unknown:
        await graph.users.by_user_id(str(uuid.uuid4())).assign_license.post(body([], []))
    assert unknown.value.response_status_code == 404


async def batch(graph: GraphServiceClient, requests: list[dict[str, Any]]) -> Any:
    """Sends a batch through the SDK's adapter."""
    request = RequestInformation(Method.POST)
    request.url = f"{graph.request_adapter.base_url}/$batch"
    request.set_stream_content(json.dumps({"requests": requests}).encode(), "application/json")
    errors: Any = {"4XX": ODataError, "5XX": ODataError}
    content: Any = await graph.request_adapter.send_primitive_async(request, "bytes", errors)
    return json.loads(content)["responses"]


def item(number: int | str, url: str = "/subscribedSkus", **more: Any) -> dict[str, Any]:
    """A request of a batch."""
    return {"id": str(number), "method": "GET", "url": url, **more}


async def test_a_batch_of_twenty_is_answered_and_one_more_is_refused(graph: GraphServiceClient):
    answered = await batch(graph, [item(n) for n in range(20)])
    assert {part["id"] for part in answered} == {str(n) for n in range(20)}
    for refused in ([item(n) for n in range(21)], [item(1), item(1)]):
        with pytest.raises(ODataError) as error:
            await batch(graph, refused)
        assert error.value.response_status_code == 400


async def test_each_request_of_a_batch_succeeds_or_fails_by_itself(graph: GraphServiceClient):
    answered = await batch(
        graph,
        [
            item("page", "/users?%24select=id%2Cmail&%24top=3"),
            item("unknown", f"/users/{uuid.uuid4()}"),
            item("untyped", f"/users/{uuid.uuid4()}/assignLicense", method="POST", body={}),
            item(
                "nested",
                "/$batch",
                method="POST",
                body={"requests": [item(1)]},
                headers={"Content-Type": "application/json"},
            ),
        ],
    )
    by_id = {part["id"]: part for part in answered}
    users = by_id["page"]["body"]["value"]
    assert (len(users), users[0].keys()) == (3, {"id", "mail"})
    assert by_id["unknown"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert by_id["untyped"]["status"] == 400
    assert by_id["nested"]["status"] == 400


async def test_a_deleted_secret_keeps_its_name_until_it_is_purged(
    cloud: Control, vault: SecretClient
):
    name = f"s-{uuid.uuid4()}"
    await vault.set_secret(name, "1", tags={"portal": "p"})
    second = await vault.set_secret(name, "2")
    versions = [p.version async for p in vault.list_properties_of_secret_versions(name)]
    assert len(versions) == 2
    assert (await vault.get_secret(name)).id == second.id
    deleted = await vault.delete_secret(name)
    assert deleted.recovery_id
    assert deleted.scheduled_purge_date
    with pytest.raises(ResourceNotFoundError):
        await vault.get_secret(name)
    with pytest.raises(ResourceExistsError, match="recoverable"):
        await vault.set_secret(name, "3")
    await vault.recover_deleted_secret(name)
    assert (await vault.get_secret(name)).value == "2"
    await vault.delete_secret(name)
    cloud.call("vault", purge_protected=True)
    with pytest.raises(HttpResponseError) as protected:
        await vault.purge_deleted_secret(name)
    assert protected.value.status_code == 403
    cloud.call("vault", purge_protected=False)
    await vault.purge_deleted_secret(name)
    await vault.set_secret(name, "3")
    assert (await vault.get_secret(name)).value == "3"


async def test_a_disabled_version_and_a_refused_caller_are_forbidden(
    cloud: Control, vault: SecretClient
):
    name = f"s-{uuid.uuid4()}"
    first = await vault.set_secret(name, "1")
    await vault.set_secret(name, "2")
    await vault.update_secret_properties(name, first.properties.version, enabled=False)
    with pytest.raises(HttpResponseError) as disabled:
        await vault.get_secret(name, first.properties.version)
    assert disabled.value.status_code == 403
    assert (await vault.get_secret(name)).value == "2"
    cloud.call("vault", refused=True)
    with pytest.raises(HttpResponseError) as refused:
        await vault.get_secret(name)
    assert refused.value.status_code == 403


async def test_a_token_for_graph_does_not_open_the_vault(app: App):
    class Wrong:
        async def get_token(self, *scopes: str, **kwargs: Any) -> Any:
            async with app.secret() as credential:
                return await credential.get_token(f"{app.url}/.default")

        async def close(self) -> None:
            pass

        async def __aenter__(self) -> Wrong:
            return self

        async def __aexit__(self, *error: object) -> None:
            pass

    async with SecretClient(
        app.url, Wrong(), verify_challenge_resource=False, retry_total=0
    ) as client:
        with pytest.raises(ClientAuthenticationError):
            await client.get_secret("anything")
