"""Portals, the guard on their unique names, and what remains of deleted ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from azure.core import MatchConditions
from azure.data.tables import UpdateMode

from errors import Conflict, NotFound, PreconditionFailed, StorageUnavailable
from identifiers import PortalId
from portals.model import ConnectionTest, DeletedPortal, Portal, folded_name, same_connection
from storage.errors import stale
from storage.rows import TEXT_CHARACTERS, record_of, row_of
from storage.tables import Page, Row, encode_key

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient

    from storage.tables import Tables

TABLE = "Portals"
PARTITION = "portal"
# Portal IDs are GUIDs; name guards and tombstones begin beyond their last character.
_FIRST_ID, _AFTER_IDS = "0", "g"
_TEST_COLUMNS = tuple(f"LastTestJson{index}" for index in range(4))
_SHORT_CHARACTERS = 400
# Table Storage allows 1 KiB a key, in UTF-16.
_GUARD_BYTES = 900
# A change repeats when only a test was recorded meanwhile.
_CHANGE_TRIES = 5


def name_guard(name: str) -> str:
    """The row key that only one portal of that name, in any case, can hold."""
    # one character of a name may stand for eighteen
    key = encode_key(folded_name(name))
    if len(key.encode("utf-16-le")) > _GUARD_BYTES:
        key = hashlib.blake2b(key.encode(), digest_size=32).hexdigest()
    return "name:" + key


class PortalStore:
    """Portals in one partition, so that row, name guard and tombstone change together.

    A portal's `etag` counts its changes by an admin; recording a test does
    not change it. A change of the connection makes the portal untested.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def create(self, portal: Portal, *, adopting: PortalId | None = None) -> Portal:
        """Stores a new portal. Raises Conflict (name_taken) if the name is in use.

        `adopting` is the deleted portal whose ID the new one takes over. After
        StorageUnavailable it may be stored or not.
        """
        table = await self._tables.table(TABLE)
        created = msgspec.structs.replace(portal, etag="1")
        operations: list[tuple[str, Row]] = [
            ("create", _row(created, {})),
            ("create", _guard(portal)),
        ]
        if adopting is not None:
            operations.append(("delete", {"PartitionKey": PARTITION, "RowKey": _grave(adopting)}))
        try:
            await self._write(table, operations, created)
        except Conflict as error:
            raise _name_taken(portal.name) from error
        return created

    async def _write(self, table: TableClient, operations: Sequence[Any], portal: Portal) -> None:
        """One transaction that stores the portal; if its answer got lost, storage tells."""
        try:
            await self._tables.transact(table, operations, thing="the portal")
        except (Conflict, NotFound, PreconditionFailed, StorageUnavailable):
            row = await self._tables.get(table, PARTITION, portal.portal_id)
            stored = _portal(row) if row is not None else None
            if (
                stored is None
                or msgspec.structs.replace(stored, last_test=portal.last_test) != portal
            ):
                raise

    async def get(self, portal_id: PortalId) -> Portal:
        """One portal. Raises NotFound."""
        return _portal(await self._row(portal_id))

    async def _row(self, portal_id: PortalId) -> Row:
        table = await self._tables.table(TABLE)
        row = await self._tables.get(table, PARTITION, portal_id)
        if row is None:
            raise NotFound(
                f"There is no portal {portal_id}.",
                remedy="List the portals for the IDs there are.",
                code="portal_not_found",
            )
        return row

    async def list(self) -> Sequence[Portal]:
        """All portals, by name."""
        rows = await self._rows(_FIRST_ID, _AFTER_IDS)
        return sorted((_portal(row) for row in rows), key=lambda p: (p.name.casefold(), p.name))

    async def list_page(self, *, top: int, continuation: str | None) -> Page[Portal]:
        """Portals by ID, a page at a time."""
        table = await self._tables.table(TABLE)
        page = await self._tables.query_page(
            table,
            "PartitionKey eq @partition and RowKey ge @low and RowKey lt @high",
            {"partition": PARTITION, "low": _FIRST_ID, "high": _AFTER_IDS},
            top=top,
            continuation=continuation,
        )
        return Page([_portal(row) for row in page.items], page.continuation)

    async def _rows(self, low: str, high: str) -> Sequence[Row]:
        table = await self._tables.table(TABLE)
        return [
            row
            async for row in self._tables.query(
                table,
                "PartitionKey eq @partition and RowKey ge @low and RowKey lt @high",
                {"partition": PARTITION, "low": low, "high": high},
            )
        ]

    async def update(self, portal: Portal, *, etag: str | None) -> Portal:
        """Stores the changed portal, and swaps the name guard on a rename.

        `etag` is what the caller last saw, None to take `portal.etag`.
        Raises PreconditionFailed if the portal changed since, Conflict
        (name_taken), NotFound.
        """
        for _ in range(_CHANGE_TRIES):
            changed = await self._try_update(portal, etag if etag is not None else portal.etag)
            if changed is not None:
                return changed
        raise stale("the portal")

    async def _try_update(self, portal: Portal, etag: str | None) -> Portal | None:
        """The changed portal, None if its row was written since it was read."""
        table = await self._tables.table(TABLE)
        stored = await self._row(portal.portal_id)
        if str(stored["Revision"]) != etag:
            raise stale("the portal")
        before = _portal(stored)
        # a test says nothing of another connection
        tested = before.last_test if same_connection(before, portal) else ConnectionTest()
        changed = msgspec.structs.replace(
            portal, etag=str(stored["Revision"] + 1), last_test=tested
        )
        kept = {name: stored[name] for name in _TEST_COLUMNS if name in stored}
        if tested == ConnectionTest():
            kept = {}
        condition = {"mode": UpdateMode.REPLACE, **_unchanged(stored)}
        operations: list[Any] = [("update", _row(changed, kept), condition)]
        old_guard = name_guard(before.name)
        if old_guard != name_guard(portal.name):
            operations.append(("delete", {"PartitionKey": PARTITION, "RowKey": old_guard}))
            operations.append(("create", _guard(portal)))
        try:
            await self._write(table, operations, changed)
        except Conflict as error:
            raise _name_taken(portal.name) from error
        except (PreconditionFailed, NotFound):
            return None
        return changed

    async def record_test(self, portal: Portal, test: ConnectionTest) -> None:
        """Keeps the outcome of a test of `portal`, unless its connection is another by now.

        Raises NotFound.
        """
        table = await self._tables.table(TABLE)
        text = _test_text(test)
        columns = {
            name: text[index * TEXT_CHARACTERS : (index + 1) * TEXT_CHARACTERS]
            for index, name in enumerate(_TEST_COLUMNS)
        }
        row = {"PartitionKey": PARTITION, "RowKey": portal.portal_id, **columns}
        for _ in range(_CHANGE_TRIES):
            stored = await self._row(portal.portal_id)
            if not same_connection(_portal(stored), portal):
                return None
            operation = ("update", row, {"mode": UpdateMode.MERGE, **_unchanged(stored)})
            try:
                return await self._tables.transact(table, [operation], thing="the portal")
            except (PreconditionFailed, NotFound):
                continue
        raise stale("the portal")

    async def delete(
        self, portal_id: PortalId, *, etag: str | None, deleted_at: datetime
    ) -> DeletedPortal:
        """Deletes the portal and frees its name; what remains is returned.

        Raises NotFound, and PreconditionFailed if `etag` is not current.
        """
        for _ in range(_CHANGE_TRIES):
            grave = await self._try_delete(portal_id, etag, deleted_at)
            if grave is not None:
                return grave
        raise stale("the portal")

    async def _try_delete(
        self, portal_id: PortalId, etag: str | None, deleted_at: datetime
    ) -> DeletedPortal | None:
        """What remains, None if the portal's row was written since it was read."""
        table = await self._tables.table(TABLE)
        stored = await self._row(portal_id)
        if etag is not None and str(stored["Revision"]) != etag:
            raise stale("the portal")
        portal = _portal(stored)
        grave = DeletedPortal(portal_id, portal.name, portal.tenant_id, deleted_at)
        key = {"PartitionKey": PARTITION, "RowKey": portal_id}
        grave_key = _grave(portal_id)
        operations: list[Any] = [
            ("delete", key, _unchanged(stored)),
            ("delete", {"PartitionKey": PARTITION, "RowKey": name_guard(portal.name)}),
            ("upsert", row_of(grave, PARTITION, grave_key)),
        ]
        try:
            await self._tables.transact(table, operations, thing="the portal")
        except (PreconditionFailed, NotFound, StorageUnavailable) as error:
            # its answer may have got lost, or another deletion came first
            buried = await self._tables.get(table, PARTITION, grave_key)
            if buried is not None and record_of(buried, DeletedPortal) == grave:
                return grave
            if isinstance(error, StorageUnavailable):
                raise
            return None
        return grave

    async def list_deleted(self) -> Sequence[DeletedPortal]:
        """The deleted portals whose data is still here."""
        rows = await self._rows("tombstone:", "tombstone;")
        return [record_of(row, DeletedPortal) for row in rows]

    async def forget_deleted(self, portal_id: PortalId) -> None:
        """Drops the tombstone; succeeds on the absent."""
        table = await self._tables.table(TABLE)
        await self._tables.submit(
            table, [("delete", {"PartitionKey": PARTITION, "RowKey": _grave(portal_id)})]
        )


def _row(portal: Portal, kept: Row) -> Row:
    row = row_of(portal, PARTITION, portal.portal_id)
    for name in _TEST_COLUMNS:
        row.pop(name, None)
    return {**row, **kept, "Revision": int(portal.etag or "1")}


def _unchanged(row: Row) -> dict[str, Any]:
    return {"etag": row["_etag"], "match_condition": MatchConditions.IfNotModified}


def _test_text(test: ConnectionTest) -> str:
    """The test as JSON; what Microsoft said is cut if it would not fit into the row."""
    text = msgspec.json.encode(test).decode()
    if len(text) <= TEXT_CHARACTERS * len(_TEST_COLUMNS):
        return text
    steps = tuple(
        msgspec.structs.replace(
            step, message=step.message[:_SHORT_CHARACTERS], microsoft_message=None
        )
        for step in test.steps
    )
    return msgspec.json.encode(msgspec.structs.replace(test, steps=steps)).decode()


def _portal(row: Row) -> Portal:
    return record_of(row, Portal, etag=str(row["Revision"]), last_test={"state": "never"})


def _guard(portal: Portal) -> Row:
    return {
        "PartitionKey": PARTITION,
        "RowKey": name_guard(portal.name),
        "PortalId": portal.portal_id,
    }


def _grave(portal_id: PortalId) -> str:
    return f"tombstone:{portal_id}"


def _name_taken(name: str) -> Conflict:
    return Conflict(
        f"There is a portal named {name} already.",
        remedy="Choose another name; upper and lower case make no difference.",
        code="name_taken",
    )
