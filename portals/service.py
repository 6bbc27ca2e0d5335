"""What may be done with portals: create, change, delete, test, choose exclusions."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from catalogue.service import titles
from compliance.service import recalculate_portal, start_recalculation
from errors import InvalidInput, LedgerError, StorageError
from graph.permissions import GraphTask
from identifiers import ClientId, PortalId, SkuId, TenantId, canonical_guid
from imports.reconcile import reconcile_products
from ledger.service import forget_deleted_portal
from monitor.recorder import RunRecorder, run_error
from monitor.run import Run, new_run_id
from portals.authorization import forget_sign_in
from portals.certificates import (
    ClientSecretMaterial,
    DelegatedMaterial,
    Material,
    read_pem,
    read_pfx,
)
from portals.connection_test import CHECKS, Check, Tell, tasks_of, test_connection
from portals.model import (
    DEFAULT_REPOSITORY,
    ConnectionTest,
    Credential,
    Portal,
    TestStep,
    checked_name,
    folded_name,
)
from portals.saving import create_with_credential, update_with_credential
from spend.recalculation import recalculate_spend
from usage.model import ReportPeriod, UsageTask

if TYPE_CHECKING:
    from composition import Ledger

logger = logging.getLogger("ledger365.portals")

MIN_SECRET_CHARACTERS = 8
MAX_SECRET_CHARACTERS = 1024


class ClientSecretInput(msgspec.Struct, frozen=True):
    """A client secret as an admin enters it. Its representation does not show it."""

    value: str
    secret_id: str | None
    expires_at: datetime | None

    def __repr__(self) -> str:
        return "ClientSecretInput(…)"


class CertificateInput(msgspec.Struct, frozen=True):
    """A certificate as an admin enters it: PEM texts, or a PFX in base64. Shows nothing of it."""

    certificate: str | None
    private_key: str | None
    pfx: str | None
    passphrase: str | None

    def __repr__(self) -> str:
        return "CertificateInput(…)"


class DelegatedInput(msgspec.Struct, frozen=True):
    """A sign-in as an admin asks for it, with the app's secret if it has one. Shows nothing."""

    value: str | None
    secret_id: str | None
    expires_at: datetime | None

    def __repr__(self) -> str:
        return "DelegatedInput(…)"


CredentialInput = ClientSecretInput | CertificateInput | DelegatedInput


class PortalInput(msgspec.Struct, frozen=True):
    """A portal as an admin enters it."""

    name: str
    description: str
    tenant_id: TenantId
    client_id: ClientId
    cloud: str
    credential: CredentialInput
    exclusions: frozenset[SkuId]
    enabled: bool
    tasks: frozenset[UsageTask] = frozenset()
    report_period: ReportPeriod = "D90"
    inactive_days: int = 90
    reclamation_allowed: bool = False
    repository: str = DEFAULT_REPOSITORY
    consolidate_after_import: bool = False


class PortalChange(msgspec.Struct, frozen=True):
    """What an admin changes of a portal; None stays as it is."""

    name: str | None = None
    description: str | None = None
    tenant_id: TenantId | None = None
    client_id: ClientId | None = None
    cloud: str | None = None
    credential: CredentialInput | None = None
    exclusions: frozenset[SkuId] | None = None
    enabled: bool | None = None
    tasks: frozenset[UsageTask] | None = None
    report_period: ReportPeriod | None = None
    inactive_days: int | None = None
    reclamation_allowed: bool | None = None
    repository: str | None = None
    consolidate_after_import: bool | None = None


class PortalDeleted(msgspec.Struct, frozen=True):
    """What remains of a deleted portal."""

    portal_id: PortalId
    name: str
    licenses: int
    products: int
    credential_purged: bool
    message: str


class AvailableLicense(msgspec.Struct, frozen=True):
    """A SKU that may be excluded; `subscribed` is None where nobody asked the tenant."""

    sku_id: SkuId
    part_number: str
    title: str
    subscribed: bool | None
    excluded: bool


def read_credential(entered: CredentialInput, *, now: datetime) -> Material:
    """The usable material of what was entered. Raises InvalidInput naming the field."""
    if isinstance(entered, ClientSecretInput):
        _check_secret(entered.value, entered.expires_at, now)
        return ClientSecretMaterial(entered.value)
    if isinstance(entered, DelegatedInput):
        if entered.value is not None:
            _check_secret(entered.value, entered.expires_at, now)
        return DelegatedMaterial(entered.value)
    if entered.pfx is not None:
        if entered.certificate is not None or entered.private_key is not None:
            raise InvalidInput(
                "credential.pfx",
                "Both a PFX file and PEM texts were given.",
                remedy="Give one PFX file, or certificate and privateKey.",
            )
        return read_pfx(entered.pfx, entered.passphrase, now=now)
    for field, value in (
        ("credential.certificate", entered.certificate),
        ("credential.privateKey", entered.private_key),
    ):
        if not value:
            raise InvalidInput(
                field,
                f"{field} is missing.",
                remedy="Give certificate and privateKey as PEM, or one PFX file.",
            )
    return read_pem(
        entered.certificate or "", entered.private_key or "", entered.passphrase, now=now
    )


def _check_secret(value: str, expires_at: datetime | None, now: datetime) -> None:
    if value != value.strip() or not value.isprintable():
        raise InvalidInput(
            "credential.value",
            "The secret begins or ends with a blank, or contains a line break.",
            remedy="Copy the value again, without anything around it.",
        )
    if not MIN_SECRET_CHARACTERS <= len(value) <= MAX_SECRET_CHARACTERS:
        raise InvalidInput(
            "credential.value",
            f"The secret has {len(value)} characters; Entra's have some 40.",
            remedy="Copy the secret's value from Entra.",
        )
    if canonical_guid(value) is not None:
        raise InvalidInput(
            "credential.value",
            "The value is a GUID, so it is the secret's ID and not its value.",
            remedy="Copy the column Value. If Entra hides it by now, create a new secret.",
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidInput(
            "credential.expiresAt",
            f"The secret expired on {expires_at:%Y-%m-%d}.",
            remedy="Create a new secret in Entra, and store it with its date.",
        )


def _secret_facts(entered: CredentialInput) -> tuple[str | None, datetime | None]:
    if isinstance(entered, ClientSecretInput | DelegatedInput):
        return entered.secret_id, entered.expires_at
    return None, None


async def create_portal(ledger: Ledger, entered: PortalInput) -> Portal:
    """Creates a portal, its credential first; a failure leaves nothing behind.

    A portal for the tenant and name of a deleted one takes over its ID, and
    with it the licenses it left. Raises InvalidInput, Conflict (name_taken),
    CredentialMissing if Key Vault does not take the credential.
    """
    now = ledger.clock()
    name = checked_name(entered.name)
    ledger.settings.cloud(entered.cloud)
    material = read_credential(entered.credential, now=now)
    await _check_exclusions(ledger, None, entered.exclusions, frozenset())
    adopted = next(
        (
            deleted.portal_id
            for deleted in await ledger.portals.list_deleted()
            if deleted.tenant_id == entered.tenant_id
            and folded_name(deleted.name) == folded_name(name)
        ),
        None,
    )
    portal_id = adopted or PortalId(str(uuid.uuid4()))
    secret_id, expires_at = _secret_facts(entered.credential)
    credential = await ledger.credentials.store(
        portal_id, material, secret_id=secret_id, expires_at=expires_at
    )
    portal = Portal(
        portal_id=portal_id,
        name=name,
        description=entered.description,
        tenant_id=entered.tenant_id,
        client_id=entered.client_id,
        cloud=entered.cloud,
        credential=credential,
        exclusions=entered.exclusions,
        enabled=entered.enabled,
        reclamation_allowed=entered.reclamation_allowed,
        repository=entered.repository,
        consolidate_after_import=entered.consolidate_after_import,
        created_at=now,
        updated_at=now,
        tasks=entered.tasks,
        report_period=entered.report_period,
        inactive_days=entered.inactive_days,
    )
    return await create_with_credential(ledger, portal, adopting=adopted)


async def update_portal(
    ledger: Ledger, portal_id: PortalId, change: PortalChange, *, if_match: str | None
) -> Portal:
    """Changes a portal; a rename carries through to its products, the rest to its figures.

    A new credential is stored before the portal points to it; the old one is
    disabled after. Raises InvalidInput, NotFound, PreconditionFailed, Conflict.
    """
    portal = await ledger.portals.get(portal_id)
    now = ledger.clock()
    if change.cloud is not None:
        ledger.settings.cloud(change.cloud)
    if change.exclusions is not None:
        await _check_exclusions(ledger, portal, change.exclusions, portal.exclusions)
    changed = msgspec.structs.replace(
        portal,
        name=checked_name(change.name) if change.name is not None else portal.name,
        description=portal.description if change.description is None else change.description,
        tenant_id=change.tenant_id or portal.tenant_id,
        client_id=change.client_id or portal.client_id,
        cloud=change.cloud or portal.cloud,
        exclusions=portal.exclusions if change.exclusions is None else change.exclusions,
        enabled=portal.enabled if change.enabled is None else change.enabled,
        tasks=portal.tasks if change.tasks is None else change.tasks,
        report_period=change.report_period or portal.report_period,
        inactive_days=change.inactive_days or portal.inactive_days,
        reclamation_allowed=portal.reclamation_allowed
        if change.reclamation_allowed is None
        else change.reclamation_allowed,
        repository=change.repository or portal.repository,
        consolidate_after_import=portal.consolidate_after_import
        if change.consolidate_after_import is None
        else change.consolidate_after_import,
        updated_at=now,
    )
    if change.credential is None:
        updated = await ledger.portals.update(changed, etag=if_match)
    else:
        updated = await _update_with_credential(ledger, changed, change.credential, if_match)
    if updated.name != portal.name:
        await _rename_products(ledger, updated)
    if (updated.exclusions, updated.inactive_days) != (portal.exclusions, portal.inactive_days):
        await _recalculate_soon(ledger, portal_id)
    return updated


async def _recalculate_soon(ledger: Ledger, portal_id: PortalId) -> None:
    try:
        await start_recalculation(ledger, [portal_id], "queue")
    except StorageError as error:
        # the change is saved; the next scheduled recalculation follows it
        logger.warning("Portal %s is not recalculated now: %s", portal_id, error.message)


async def _update_with_credential(
    ledger: Ledger, changed: Portal, entered: CredentialInput, if_match: str | None
) -> Portal:
    old: Credential = changed.credential
    material = read_credential(entered, now=ledger.clock())
    secret_id, expires_at = _secret_facts(entered)
    new = await ledger.credentials.store(
        changed.portal_id,
        material,
        replacing=old,
        secret_id=secret_id,
        expires_at=expires_at,
    )
    return await update_with_credential(
        ledger, msgspec.structs.replace(changed, credential=new), old, etag=if_match
    )


async def _rename_products(ledger: Ledger, portal: Portal) -> None:
    products = {p.sku_id: p for p in await ledger.licenses.list_products(portal.portal_id)}
    licenses = await ledger.licenses.list_licenses(portal.portal_id)
    renamed = reconcile_products(
        portal.portal_id, portal.name, products, licenses, now=ledger.clock()
    )
    await ledger.licenses.upsert_products(renamed)


async def delete_portal(
    ledger: Ledger, portal_id: PortalId, *, if_match: str | None
) -> PortalDeleted:
    """Deletes settings and credential; imported licenses and products stay.

    Their positions turn to `cannot_be_synchronized`, reason `portal_deleted`.
    Raises NotFound, PreconditionFailed.
    """
    portal = await ledger.portals.get(portal_id)
    await ledger.portals.delete(portal_id, etag=if_match, deleted_at=ledger.clock())
    # asked first: an import that ends in between has stored its licenses by then
    importing = await ledger.sync_state.current_lease(portal_id, ledger.clock()) is not None
    licenses = await ledger.licenses.list_licenses(portal_id)
    products = await ledger.licenses.list_products(portal_id)
    try:
        await forget_sign_in(ledger, portal_id)
        purged = await ledger.credentials.delete(portal.credential)
    except LedgerError:
        # the portal is gone either way; the answer says what is left to do
        purged = False
    if licenses:
        positions = await recalculate_portal(ledger, portal_id)
        await recalculate_spend(ledger, portal_id, positions)
    elif not importing:
        await forget_deleted_portal(ledger, portal_id)
    remains = (
        f"{len(licenses)} licenses and {len(products)} products stay, and cannot be "
        "synchronized; delete them by hand, or create the portal again under the same name."
        if licenses
        else "An import is under way; what it brings stays, and cannot be synchronized."
        if importing
        else "Nothing had been imported."
    )
    vault = (
        "The credential was purged."
        if purged
        else f"Key Vault keeps the deleted secret {portal.credential.secret_name} until its "
        "retention ends, or somebody purges it."
    )
    return PortalDeleted(
        portal_id, portal.name, len(licenses), len(products), purged, f"{remains} {vault}"
    )


async def test_portal(ledger: Ledger, portal_id: PortalId) -> ConnectionTest:
    """Tests a saved portal, and keeps the outcome on it and as a run.

    While it goes on, the portal shows the steps so far.
    """
    portal = await ledger.portals.get(portal_id)
    now = ledger.clock()
    run = Run(
        new_run_id(now),
        "connection_test",
        "manual",
        "Queued",
        now,
        portal_id=portal_id,
        portal_name=portal.name,
    )
    await ledger.runs.create(run)
    recorder = RunRecorder(ledger.runs, run, ledger.clock)
    try:
        async with recorder.at_work():
            return await _test(ledger, portal, recorder)
    except BaseException as error:
        known = error if isinstance(error, LedgerError) else _interrupted()
        # what it ended by is told, even if storage takes no more
        with suppress(LedgerError):
            await recorder.fail(known)
            await ledger.portals.record_test(portal, _failed_test(known, recorder.run))
        raise


async def _test(ledger: Ledger, portal: Portal, recorder: RunRecorder) -> ConnectionTest:
    run_id = recorder.run.run_id

    async def tell(steps: tuple[TestStep, ...]) -> None:
        # the outcome does not hang on its progress having been shown
        with suppress(LedgerError):
            under_way = ConnectionTest("queued", steps=steps, run_id=run_id)
            await ledger.portals.record_test(portal, under_way)

    await ledger.portals.record_test(portal, ConnectionTest("queued", run_id=run_id))
    await recorder.start()
    test = await _tested(
        ledger,
        portal.cloud,
        portal.tenant_id,
        portal.client_id,
        lambda: ledger.credentials.read(portal.credential),
        tasks_of(portal),
        tell=tell,
    )
    test = msgspec.structs.replace(test, run_id=run_id)
    await ledger.portals.record_test(portal, test)
    for step in test.steps:
        level = {"failed": "error", "warning": "warning"}.get(step.state, "info")
        recorder.log(level, f"{step.name}: {step.message}")  # type: ignore[arg-type]
    failed = next((step for step in test.steps if step.state == "failed"), None)
    error = (
        run_error(LedgerError(failed.message, remedy=failed.remedy or "", code=failed.code))
        if failed
        else None
    )
    await recorder.finish("Failed" if failed else "Succeeded", error)
    return test


def _interrupted() -> LedgerError:
    return LedgerError(
        "The test ended unexpectedly.",
        remedy="Test again; if it persists, look up the run in Application Insights.",
    )


def _failed_test(error: LedgerError, run: Run) -> ConnectionTest:
    step = TestStep("test", "failed", error.message, code=error.code, remedy=error.remedy)
    return ConnectionTest("failed", run.finished_at, (step,), run.run_id)


async def test_settings(
    ledger: Ledger, entered: PortalInput, check: Check | None
) -> ConnectionTest:
    """Tests settings that are not saved, or one check of them; nothing is kept."""
    material = read_credential(entered.credential, now=ledger.clock())

    async def given() -> Material:
        return material

    return await _tested(
        ledger,
        entered.cloud,
        entered.tenant_id,
        entered.client_id,
        given,
        tasks_of(entered),
        checks=CHECKS if check is None else (check,),
    )


async def _tested(
    ledger: Ledger,
    cloud: str,
    tenant_id: TenantId,
    client_id: ClientId,
    read_material: Callable[[], Awaitable[Material]],
    tasks: Collection[GraphTask],
    *,
    checks: Collection[Check] = CHECKS,
    tell: Tell | None = None,
) -> ConnectionTest:
    steps = await test_connection(
        ledger.graph,
        ledger.settings.cloud(cloud),
        tenant_id,
        client_id,
        read_material,
        tasks,
        checks,
        tell,
    )
    return ConnectionTest(
        "passed" if steps.passed else "failed", ledger.clock(), tuple(steps.steps)
    )


async def available_licenses(
    ledger: Ledger, portal_id: PortalId, *, subscribed: bool, search: str | None
) -> list[AvailableLicense]:
    """The SKUs from which a saved portal's exclusions are chosen. Raises GraphError."""
    portal = await ledger.portals.get(portal_id)
    parts: dict[SkuId, str] | None = None
    if subscribed:
        material = await ledger.credentials.read(portal.credential)
        parts = await _subscribed(
            ledger, portal.cloud, portal.tenant_id, portal.client_id, material
        )
    return await _available(ledger, parts, portal.exclusions, search)


async def available_licenses_of(
    ledger: Ledger, entered: PortalInput, *, subscribed: bool, search: str | None
) -> list[AvailableLicense]:
    """The same for settings that are not saved."""
    parts: dict[SkuId, str] | None = None
    if subscribed:
        material = read_credential(entered.credential, now=ledger.clock())
        parts = await _subscribed(
            ledger, entered.cloud, entered.tenant_id, entered.client_id, material
        )
    return await _available(ledger, parts, entered.exclusions, search)


async def _subscribed(
    ledger: Ledger,
    cloud: str,
    tenant_id: TenantId,
    client_id: ClientId,
    material: Material,
) -> dict[SkuId, str]:
    from graph.subscribed_skus import subscribed_skus

    opened = ledger.graph(ledger.settings.cloud(cloud), tenant_id, client_id, material)
    async with opened as graph:
        return {sku.sku_id: sku.part_number for sku in await subscribed_skus(graph)}


async def _available(
    ledger: Ledger,
    subscribed: dict[SkuId, str] | None,
    excluded: frozenset[SkuId],
    search: str | None,
) -> list[AvailableLicense]:
    known = await titles(ledger)
    parts = subscribed
    if parts is None:
        parts = {sku_id: entry.part_number for sku_id, entry in known.entries.items()}
    # an exclusion must be seen to be lifted, even if the tenant dropped the SKU
    parts = {**dict.fromkeys(excluded, ""), **parts}
    rows = [
        AvailableLicense(
            sku_id,
            part or (known.entries[sku_id].part_number if sku_id in known.entries else ""),
            known.title_of(sku_id, part or sku_id),
            sku_id in subscribed if subscribed is not None else None,
            sku_id in excluded,
        )
        for sku_id, part in parts.items()
    ]
    needle = search.casefold() if search else ""
    return sorted(
        (
            row
            for row in rows
            if needle in row.title.casefold()
            or needle in row.part_number.casefold()
            or needle == row.sku_id
        ),
        key=lambda row: (row.title.casefold(), row.sku_id),
    )


async def set_exclusions(
    ledger: Ledger, portal_id: PortalId, exclusions: frozenset[SkuId], *, if_match: str | None
) -> Portal:
    """Replaces the SKUs that imports of the portal leave out."""
    return await update_portal(
        ledger, portal_id, PortalChange(exclusions=exclusions), if_match=if_match
    )


async def _check_exclusions(
    ledger: Ledger,
    portal: Portal | None,
    exclusions: frozenset[SkuId],
    kept: frozenset[SkuId],
) -> None:
    added = exclusions - kept
    if not added:
        return
    known = set((await titles(ledger)).entries)
    if portal is not None:
        known |= {item.sku_id for item in await ledger.licenses.list_licenses(portal.portal_id)}
    unknown = sorted(added - known)
    # a SKU newer than Microsoft's list is known to the tenant alone
    if unknown and portal is not None:
        material = await ledger.credentials.read(portal.credential)
        tenant = await _subscribed(
            ledger, portal.cloud, portal.tenant_id, portal.client_id, material
        )
        unknown = [sku_id for sku_id in unknown if sku_id not in tenant]
    if unknown:
        raise InvalidInput(
            "exclusions",
            f"No such SKU: {', '.join(unknown[:5])}",
            remedy="Choose from the portal's available licenses.",
        )
