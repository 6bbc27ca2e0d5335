"""The life of a portal: create, change, delete."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

import msgspec

from compliance.service import recalculate_portal, start_recalculation
from errors import LedgerError, StorageError
from identifiers import PortalId
from imports.reconcile import reconcile_products
from ledger.service import forget_deleted_portal
from portals.authorization import forget_sign_in
from portals.entered import (
    CredentialInput,
    PortalChange,
    PortalInput,
    read_credential,
    secret_facts,
)
from portals.exclusions import check_exclusions
from portals.model import Credential, Portal, checked_name, folded_name
from portals.saving import create_with_credential, update_with_credential
from spend.recalculation import recalculate_spend

if TYPE_CHECKING:
    from composition import Ledger

logger = logging.getLogger("ledger365.portals")


class PortalDeleted(msgspec.Struct, frozen=True):
    """What remains of a deleted portal."""

    portal_id: PortalId
    name: str
    licenses: int
    products: int
    credential_purged: bool
    message: str


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
    await check_exclusions(ledger, None, entered.exclusions, frozenset())
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
    secret_id, expires_at = secret_facts(entered.credential)
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
        await check_exclusions(ledger, portal, change.exclusions, portal.exclusions)
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
    secret_id, expires_at = secret_facts(entered)
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
