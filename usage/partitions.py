"""Sorts more records than fit into memory by a key, through temporary files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

Record = TypeVar("Record")
# With 256 partitions, some 16 MB at most wait in memory.
_CHUNK_BYTES = 64_000
_LENGTH = struct.Struct(">I")


class Partitions(Generic[Record]):
    """Records by partition number: small ones stay in memory, the rest goes to files."""

    def __init__(self, folder: Path, count: int, record_type: type[Record]) -> None:
        folder.mkdir()
        self.count = count
        self._folder = folder
        self._waiting: list[list[bytes]] = [[] for _ in range(count)]
        self._waiting_bytes = [0] * count
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(list[record_type])  # type: ignore[valid-type]  # a type at run time

    def add(self, partition: int, record: Record) -> bytes:
        """Keeps a record, and returns it as it is encoded."""
        encoded = self._encoder.encode(record)
        self._waiting[partition].append(encoded)
        self._waiting_bytes[partition] += len(encoded)
        if self._waiting_bytes[partition] >= _CHUNK_BYTES:
            chunk = self._chunk(partition)
            with self._file(partition).open("ab") as file:
                file.write(_LENGTH.pack(len(chunk)))
                file.write(chunk)
            self._forget_waiting(partition)
        return encoded

    def read(self, partition: int) -> Iterator[Record]:
        """The records of a partition, in the order in which they came."""
        path = self._file(partition)
        if path.exists():
            with path.open("rb") as file:
                while head := file.read(_LENGTH.size):
                    yield from self._decode(file.read(_LENGTH.unpack(head)[0]))
        if self._waiting[partition]:
            yield from self._decode(self._chunk(partition))

    def drop(self, partition: int) -> None:
        """Forgets the records of a partition, to free what they take."""
        self._file(partition).unlink(missing_ok=True)
        self._forget_waiting(partition)

    def clear(self) -> None:
        """Forgets everything."""
        for partition in range(self.count):
            self.drop(partition)

    def _chunk(self, partition: int) -> bytes:
        raws = [msgspec.Raw(encoded) for encoded in self._waiting[partition]]
        return zlib.compress(self._encoder.encode(raws), 1)

    def _decode(self, chunk: bytes) -> list[Record]:
        return self._decoder.decode(zlib.decompress(chunk))

    def _forget_waiting(self, partition: int) -> None:
        self._waiting[partition] = []
        self._waiting_bytes[partition] = 0

    def _file(self, partition: int) -> Path:
        return self._folder / f"{partition:04x}"
