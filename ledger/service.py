"""What may be done with imported licenses and products: look, move, delete what is orphaned."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from errors import Conflict, InvalidInput, NotFound
from identifiers import PortalId, SkuId
from imports.model import Contact, ContactKind, Group, License, Product

if TYPE_CHECKING:
    from composition import Ledger
    from storage.tables import Page

MAX_DIRECTORY_CHARACTERS = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")


def checked_directory(directory: str) -> str:
    """The directory with segments trimmed. Raises InvalidInput for one that cannot be a path."""
    segments = [segment.strip() for segment in directory.split("/")]
    if (
        not all(segments)
        or any(segment in (".", "..") for segment in segments)
        or _CONTROL.search(directory)
        or len(directory) > MAX_DIRECTORY_CHARACTERS
    ):
        raise InvalidInput(
            "directory",
            "The directory is not a path of names separated by /.",
            remedy="Give a path such as Microsoft 365/Sales, at most "
            f"{MAX_DIRECTORY_CHARACTERS} characters, without \\ and control characters.",
        )
    return "/".join(segments)


async def move_product(
    ledger: Ledger, portal_id: PortalId, sku_id: SkuId, directory: str, etag: str | None
) -> Product:
    """Files a product in another directory; later imports leave it there."""
    return await ledger.licenses.move_product(
        portal_id, sku_id, checked_directory(directory), etag=etag
    )


async def delete_license(ledger: Ledger, portal_id: PortalId, sku_id: SkuId) -> None:
    """Deletes a license with its product, position and consumers.

    Allowed exactly when it cannot be synchronized; Conflict otherwise, since
    the next import would bring it back. With the last license of a deleted
    portal everything else of that portal goes too. Raises NotFound.
    """
    license_ = await ledger.licenses.get_license(portal_id, sku_id)
    if not await _is_orphaned(ledger, license_):
        raise Conflict(
            f"{license_.title} is still synchronized: the tenant leads.",
            remedy="Exclude the SKU from the portal's import first, then delete the license.",
            code="still_synchronized",
        )
    await forget_license(ledger, portal_id, sku_id)
    if not await ledger.licenses.list_licenses(portal_id):
        await forget_deleted_portal(ledger, portal_id)


async def forget_license(ledger: Ledger, portal_id: PortalId, sku_id: SkuId) -> None:
    """Deletes a license with all that is known of it but its history."""
    await ledger.licenses.delete_product(portal_id, sku_id)
    await ledger.positions.delete(portal_id, sku_id)
    await ledger.contracts.delete(portal_id, sku_id)
    await ledger.spend.delete_license(portal_id, sku_id)
    await ledger.consumers.delete_license(portal_id, sku_id)
    await ledger.licenses.delete_license(portal_id, sku_id)


async def _is_orphaned(ledger: Ledger, license_: License) -> bool:
    try:
        portal = await ledger.portals.get(license_.portal_id)
    except NotFound:
        return True
    return license_.removed_at is not None or license_.sku_id in portal.exclusions


async def forget_deleted_portal(ledger: Ledger, portal_id: PortalId) -> None:
    """Deletes what is left of a deleted portal; nothing of a present one."""
    deleted = {portal.portal_id for portal in await ledger.portals.list_deleted()}
    if portal_id in deleted:
        await ledger.contacts.delete_portal(portal_id)
        await ledger.consumers.delete_other_layouts(portal_id, None)
        await ledger.groups.delete_portal(portal_id)
        await ledger.usage.delete_portal(portal_id)
        await ledger.erasures.delete_portal(portal_id)
        await ledger.contracts.delete_portal(portal_id)
        await ledger.spend.delete_portal(portal_id)
        await ledger.staging.clear(portal_id)
        await ledger.sync_state.delete_portal(portal_id)
        await ledger.portals.forget_deleted(portal_id)


class DirectoryNode(msgspec.Struct, frozen=True):
    """A directory: products directly in it, and those below it counted in `total`."""

    name: str
    path: str
    products: int
    total: int
    directories: tuple[DirectoryNode, ...]


def directory_tree(counts: Mapping[str, int]) -> tuple[DirectoryNode, ...]:
    """The tree of all directories that hold products, by name."""
    return _nodes("", [(path.split("/"), number) for path, number in counts.items()])


def _nodes(parent: str, entries: Iterable[tuple[Sequence[str], int]]) -> tuple[DirectoryNode, ...]:
    below: dict[str, list[tuple[Sequence[str], int]]] = {}
    for segments, number in entries:
        below.setdefault(segments[0], []).append((segments[1:], number))
    nodes = []
    for name in sorted(below, key=lambda name: (name.casefold(), name)):
        path = f"{parent}/{name}" if parent else name
        here = sum(number for segments, number in below[name] if not segments)
        children = _nodes(path, [(s, n) for s, n in below[name] if s])
        nodes.append(
            DirectoryNode(name, path, here, here + sum(c.total for c in children), children)
        )
    return tuple(nodes)


async def all_portal_ids(ledger: Ledger) -> list[PortalId]:
    """Present portals, and deleted ones whose data is still here."""
    present = [portal.portal_id for portal in await ledger.portals.list()]
    return [*present, *(portal.portal_id for portal in await ledger.portals.list_deleted())]


async def list_contacts(
    ledger: Ledger,
    *,
    portal_id: PortalId | None,
    kind: ContactKind | None,
    blocked: bool | None,
    search: str | None,
    top: int,
    continuation: str | None,
) -> Page[tuple[PortalId, Contact]]:
    """Contacts of one portal or all that match every filter given.

    `search` is found anywhere in name, address, department or employee ID,
    in any case.
    """
    portal_ids = [portal_id] if portal_id is not None else await all_portal_ids(ledger)
    return await ledger.contacts.list_page(
        portal_ids,
        top=top,
        continuation=continuation,
        matches=_contact_filter(kind, blocked, search),
    )


def _contact_filter(
    kind: ContactKind | None, blocked: bool | None, search: str | None
) -> Callable[[Contact], bool] | None:
    if kind is None and blocked is None and not search:
        return None
    needle = _folded(search) if search else ""

    def matches(contact: Contact) -> bool:
        if kind is not None and contact.kind != kind:
            return False
        if blocked is not None and (contact.account_enabled is False) != blocked:
            return False
        return not needle or any(
            needle in _folded(text)
            for text in (
                contact.user_principal_name,
                contact.display_name,
                contact.mail,
                contact.department,
                contact.employee_id,
            )
            if text
        )

    return matches


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


async def groups_holding(ledger: Ledger, portal_id: PortalId, sku_id: SkuId) -> list[Group]:
    """The groups that assign the license, by name."""
    groups = await ledger.groups.list_groups(portal_id)
    holding = [group for group in groups.values() if sku_id in group.sku_ids]
    return sorted(holding, key=lambda group: group.display_name.casefold())
