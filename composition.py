"""Builds the real clients once per worker and passes them on."""

from __future__ import annotations

import asyncio
import functools
import os
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from errors import InvalidInput, Misconfigured
from settings import Settings, read_settings
from telemetry.logs import quiet_sdks

if TYPE_CHECKING:
    from catalogue.download import Download
    from catalogue.service import CatalogueCache
    from graph.client import GraphFactory
    from portals.credentials import CredentialStore
    from storage.authorizations import AuthorizationStore
    from storage.catalogue import CatalogueStore
    from storage.compliance import PositionStore
    from storage.consolidation import ConsolidationStore
    from storage.consumers import ConsumerStore
    from storage.contacts import ContactStore
    from storage.contracts import ContractStore
    from storage.erasures import ErasureStore
    from storage.groups import GroupStore
    from storage.licenses import LicenseStore
    from storage.portals import PortalStore
    from storage.queues import WorkQueue
    from storage.reclamations import ReclamationStore
    from storage.runs import RunStore
    from storage.spend import SpendStore
    from storage.staging import StagingStore
    from storage.sync_state import SyncStateStore
    from storage.usage import UsageStore
    from storage.webhooks import AlertStore, DeliveryStore, WebhookStore
    from webhooks.secret_store import WebhookSecretStore
    from webhooks.sender import Sender


@dataclass(frozen=True)
class Ledger:
    """Everything a service may need; each part is one client or repository."""

    settings: Settings
    clock: Callable[[], datetime]
    portals: PortalStore
    licenses: LicenseStore
    groups: GroupStore
    contacts: ContactStore
    consumers: ConsumerStore
    positions: PositionStore
    reclamations: ReclamationStore
    runs: RunStore
    sync_state: SyncStateStore
    staging: StagingStore
    usage: UsageStore
    erasures: ErasureStore
    contracts: ContractStore
    spend: SpendStore
    consolidation: ConsolidationStore
    catalogue: CatalogueStore
    queue: WorkQueue
    credentials: CredentialStore
    graph: GraphFactory
    download: Callable[..., Awaitable[Download | None]]
    catalogue_cache: CatalogueCache
    authorizations: AuthorizationStore
    webhooks: WebhookStore
    webhook_secrets: WebhookSecretStore
    alerts: AlertStore
    deliveries: DeliveryStore
    sender: Sender
    upgrade: Callable[[], Awaitable[int]]
    closers: tuple[Callable[[], Awaitable[None]], ...]

    async def close(self) -> None:
        """Closes all connections; a worker keeps them for its life."""
        for close in self.closers:
            await close()


def utc_now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


class _Opening:
    """A ledger whose tables are brought up to date before anybody gets it."""

    def __init__(self, built: Ledger) -> None:
        self._built = built
        self._lock = asyncio.Lock()
        self._upgraded = False

    async def ledger(self) -> Ledger:
        if not self._upgraded:
            async with self._lock:
                if not self._upgraded:
                    await self._built.upgrade()
                    self._upgraded = True
        return self._built


_openings: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Opening] = (
    weakref.WeakKeyDictionary()
)


async def ledger() -> Ledger:
    """The worker's ledger, built on first use; clients belong to the running event loop.

    The tables have this release's version then. Raises Misconfigured naming
    the setting that is missing or wrong, and for tables of a newer release.
    """
    loop = asyncio.get_running_loop()
    opening = _openings.get(loop)
    if opening is None:
        try:
            settings = read_settings(os.environ)
        except InvalidInput as error:
            raise Misconfigured(error.message, remedy=error.remedy) from error
        if settings.application_insights:
            from telemetry.export import start_export

            start_export(
                settings.application_insights,
                signs_in=settings.application_insights_signs_in,
            )
        opening = _openings[loop] = _Opening(build(settings))
    return await opening.ledger()


def build(settings: Settings) -> Ledger:
    """A ledger on real clients. The SDKs are imported here, not at cold start."""
    from azure.identity.aio import DefaultAzureCredential

    from catalogue.download import download
    from catalogue.service import CatalogueCache
    from graph.client import GraphFactory
    from portals.credentials import CredentialStore
    from storage.authorizations import AuthorizationStore
    from storage.catalogue import CatalogueStore
    from storage.compliance import PositionStore
    from storage.consolidation import ConsolidationStore
    from storage.consumers import ConsumerStore
    from storage.contacts import ContactStore
    from storage.contracts import ContractStore
    from storage.erasures import ErasureStore
    from storage.factory import open_queue, open_tables
    from storage.groups import GroupStore
    from storage.licenses import LicenseStore
    from storage.portals import PortalStore
    from storage.reclamations import ReclamationStore
    from storage.runs import RunStore
    from storage.schema import upgrade
    from storage.spend import SpendStore
    from storage.staging import StagingStore
    from storage.sync_state import SyncStateStore
    from storage.usage import UsageStore
    from storage.webhooks import AlertStore, DeliveryStore, WebhookStore
    from webhooks.secret_store import WebhookSecretStore
    from webhooks.sender import Sender

    quiet_sdks()
    identity = functools.cache(DefaultAzureCredential)

    async def close_identity() -> None:
        if identity.cache_info().currsize:
            await identity().close()

    tables = open_tables(settings, identity)
    queue = open_queue(settings, identity)
    credentials = CredentialStore(settings, identity)
    webhook_secrets = WebhookSecretStore(settings, identity)
    sync_state = SyncStateStore(tables)
    erasures = ErasureStore(tables, pseudonymous=settings.pseudonymous)
    contacts = ContactStore(tables, sync_state)
    return Ledger(
        settings=settings,
        clock=utc_now,
        portals=PortalStore(tables),
        licenses=LicenseStore(tables),
        groups=GroupStore(tables),
        contacts=contacts,
        consumers=ConsumerStore(tables, contacts),
        positions=PositionStore(tables),
        reclamations=ReclamationStore(tables),
        runs=RunStore(tables),
        sync_state=sync_state,
        staging=StagingStore(tables),
        usage=UsageStore(tables, sync_state, erasures),
        erasures=erasures,
        contracts=ContractStore(tables),
        spend=SpendStore(tables, sync_state),
        consolidation=ConsolidationStore(tables),
        catalogue=CatalogueStore(tables),
        queue=queue,
        credentials=credentials,
        graph=GraphFactory(settings, functools.partial(credentials.keep, None)),
        download=download,
        catalogue_cache=CatalogueCache(),
        authorizations=AuthorizationStore(tables),
        webhooks=WebhookStore(tables),
        webhook_secrets=webhook_secrets,
        alerts=AlertStore(tables),
        deliveries=DeliveryStore(tables),
        sender=Sender(settings.webhook_private_hosts),
        upgrade=functools.partial(upgrade, tables),
        closers=(
            tables.close,
            queue.close,
            credentials.close,
            webhook_secrets.close,
            close_identity,
        ),
    )
