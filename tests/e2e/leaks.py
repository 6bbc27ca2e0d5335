"""Looks for secrets wherever a running ledger leaves something: logs, tables, queues."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator

from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueServiceClient

from devhost.stack import Stack

# What is a secret by its form: signed tokens, and private keys.
FORMS = re.compile(
    r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}|-----BEGIN (?:RSA |EC |ENCRYPTED )?PRIVATE KEY"
)


def leaks(secrets: Iterable[str], places: Iterable[tuple[str, str]]) -> list[str]:
    """Each place in which a secret stands, as itself or in base64, or anything in such a form.

    Says which by its first characters only.
    """
    searched = [form for secret in secrets for form in (secret, *_encoded(secret))]
    found = []
    for name, text in places:
        found += [f"{name}: {form[:6]}…" for form in searched if form in text]
        found += [f"{name}: {hit.group()[:12]}…" for hit in FORMS.finditer(text)]
    return found


def left_by(stack: Stack) -> Iterator[tuple[str, str]]:
    """Name and text of the host's log, of every row of every table and every waiting message."""
    yield "devhost.log", (stack.run_dir / "devhost.log").read_text(errors="replace")
    with TableServiceClient.from_connection_string(stack.storage_connection) as tables:
        for table in tables.list_tables():
            for row in tables.get_table_client(table.name).list_entities():
                place = f"{table.name} {row['PartitionKey']} {row['RowKey']}"
                yield place, "\n".join(_unpacked(value) for value in row.values())
    with QueueServiceClient.from_connection_string(stack.storage_connection) as queues:
        for queue in queues.list_queues():
            client = queues.get_queue_client(queue.name)
            for message in client.peek_messages(max_messages=32):
                text = str(message.content)
                yield f"queue {queue.name}", f"{text}\n{_decoded(text)}"


def key_lines(pem: str) -> list[str]:
    """The lines of a private key that are nobody else's."""
    return pem.strip().splitlines()[2:-2]


def _encoded(secret: str) -> Iterator[str]:
    raw = secret.encode()
    # wherever the secret begins in what was encoded
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + raw).decode()
        yield encoded[4 if lead else 0 : len(encoded) - 4]
    with contextlib.suppress(UnicodeEncodeError):
        quoted = json.dumps(secret)[1:-1]
        if quoted != secret:
            yield quoted


def _unpacked(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    with contextlib.suppress(zlib.error):
        value = zlib.decompress(value)
    return value.decode("utf-8", "replace")


def _decoded(text: str) -> str:
    with contextlib.suppress(ValueError):
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    return ""
