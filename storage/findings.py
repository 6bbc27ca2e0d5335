"""Lists of findings on contacts, packed in blocks in the order of user IDs."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from identifiers import PortalId, UserId
from spend.model import Finding
from storage.blocks import join_properties, split_properties
from storage.tables import Operation, Page, unusable_continuation

if TYPE_CHECKING:
    from storage.tables import Tables

TABLE = "SpendFindings"
FINDINGS_PER_BLOCK = 500
# A filtered list reads this many blocks a request at most.
MAX_BLOCKS_PER_PAGE = 64
_BLOCKS_PER_READ = 4
_decoder = msgspec.msgpack.Decoder(list[Finding])


class FindingsWriter:
    """Writes one list of one generation; findings come in the order of user IDs."""

    def __init__(self, tables: Tables, partition_key: str) -> None:
        self._tables = tables
        self._key = partition_key
        self._held: list[Finding] = []

    async def add(self, findings: Sequence[Finding]) -> None:
        """Adds findings, all those of a contact in one call."""
        self._held += findings
        if len(self._held) >= FINDINGS_PER_BLOCK:
            await self.flush()

    async def flush(self) -> None:
        """Writes what is held as a block, whose RowKey is its last user ID."""
        if not self._held:
            return
        content = zlib.compress(msgspec.msgpack.encode(self._held), 1)
        row = {
            "PartitionKey": self._key,
            "RowKey": self._held[-1].user_id,
            **split_properties("Data", content),
        }
        operations: list[Operation] = [("upsert", row)]
        await self._tables.submit(await self._tables.table(TABLE), operations)
        self._held = []


class FindingStore:
    """Reads lists of findings; a list stands under a partition key that names its generation."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def writer(self, partition_key: str) -> FindingsWriter:
        """A writer of one list."""
        return FindingsWriter(self._tables, partition_key)

    async def list_page(
        self,
        lists: Sequence[tuple[PortalId, str]],
        *,
        top: int,
        continuation: str | None,
        matches: Callable[[Finding], bool] | None = None,
    ) -> Page[tuple[PortalId, Finding]]:
        """Findings of the portals' lists, given as portal and partition key.

        The order is that of portal and user ID. With `matches`, a page may
        hold fewer than `top` and still continue. A position stays good when
        the list is written anew meanwhile.
        """
        after = _position(continuation)
        items: list[tuple[PortalId, Finding]] = []
        budget = MAX_BLOCKS_PER_PAGE
        last = after
        for portal_id, key in sorted(lists):
            if after is not None and portal_id < after[0]:
                continue
            passed = after if after is not None and portal_id == after[0] else None
            async for block in self._blocks(key, passed[1] if passed else ""):
                budget -= 1
                for position, finding in _numbered(portal_id, block):
                    if passed is not None and position <= passed:
                        continue
                    if matches is not None and not matches(finding):
                        continue
                    if len(items) == top:
                        return Page(items, _text(last))
                    items.append((portal_id, finding))
                    last = position
                if budget <= 0:
                    return Page(items, _text(position))
        return Page(items, None)

    async def _blocks(self, key: str, after: str) -> AsyncIterator[list[Finding]]:
        table = await self._tables.table(TABLE)
        rows = self._tables.query(
            table,
            "PartitionKey eq @key and RowKey ge @after",
            {"key": key, "after": after},
            page_size=_BLOCKS_PER_READ,
        )
        async for row in rows:
            yield _decoder.decode(zlib.decompress(join_properties("Data", row)))


# Portal, user, and the number of the finding among the user's own.
_Position = tuple[PortalId, UserId, int]


def _numbered(portal_id: PortalId, block: Sequence[Finding]) -> Sequence[tuple[_Position, Finding]]:
    numbered: list[tuple[_Position, Finding]] = []
    number, user_id = 0, ""
    for finding in block:
        number = number + 1 if finding.user_id == user_id else 0
        user_id = finding.user_id
        numbered.append(((portal_id, finding.user_id, number), finding))
    return numbered


def _text(position: _Position | None) -> str | None:
    return None if position is None else msgspec.json.encode(position).decode()


def _position(continuation: str | None) -> _Position | None:
    if continuation is None:
        return None
    try:
        return msgspec.json.decode(continuation, type=tuple[PortalId, UserId, int])
    except msgspec.DecodeError as error:
        raise unusable_continuation() from error
