"""Local settings: the example is complete, and what is missing is said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from devhost.schedule import Schedule
from devhost.start import missing
from devhost.supervisor import SettingsError, local_settings
from settings import read_settings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "local.settings.example.json"


class Recording(Mapping[str, str]):
    """Settings that remember which of them were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _example() -> dict[str, str]:
    return {**local_settings(EXAMPLE), "KEY_VAULT_URL": "https://vault.example"}


def test_the_example_shows_every_setting_that_is_read() -> None:
    recording = Recording(_example())
    read_settings(recording)
    # the other way to name a storage account
    asked = {name for name in recording.asked if "__" not in name}
    assert asked - set(_example()) == set()


def test_the_example_shows_every_setting_that_a_trigger_names() -> None:
    triggers = "\n".join(path.read_text() for path in ROOT.glob("*/triggers.py"))
    named = set(re.findall(r'"%(\w+)%"', triggers))
    assert "RECALCULATION_SCHEDULE" in named
    assert named - set(_example()) == set()


def test_the_schedules_of_the_example_are_valid() -> None:
    for name, value in _example().items():
        if name.endswith("_SCHEDULE"):
            Schedule(value)


def test_without_a_key_vault_the_steps_are_told() -> None:
    assert "KEY_VAULT_URL is not set" in (missing({}) or "")
    assert missing(local_settings(EXAMPLE)) is not None
    assert missing({"KEY_VAULT_URL": "https://vault.example"}) is None


def test_missing_local_settings_are_none_and_unreadable_ones_an_error(tmp_path: Path) -> None:
    path = tmp_path / "local.settings.json"
    assert local_settings(path) == {}
    path.write_text("{")
    with pytest.raises(SettingsError, match="cannot be read"):
        local_settings(path)
    path.write_bytes(msgspec.json.encode({"IsEncrypted": True, "Values": {}}))
    with pytest.raises(SettingsError, match="encrypted"):
        local_settings(path)
