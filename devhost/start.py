"""`make start`: serves the app against real tenants, with Azurite unless storage is configured."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from devhost.__main__ import host_environment, read_options
from devhost.azurite import Azurite
from devhost.node import ROOT, NodeMissing
from devhost.processes import StartFailed
from devhost.supervisor import SettingsError, local_settings, supervise

RUN_DIR = ROOT / ".run" / "start"

_SCHEDULES = {
    "IMPORT_SCHEDULE": "0 30 */4 * * *",
    "RECALCULATION_SCHEDULE": "0 0 */5 * * *",
    "DIGEST_SCHEDULE": "0 0 6 * * 1",
    "CATALOGUE_SCHEDULE": "0 0 3 * * 0",
    "USAGE_SCHEDULE": "0 0 6 * * *",
    "CONSOLIDATION_SCHEDULE": "0 30 5 * * *",
}
_STORAGE = (
    "AzureWebJobsStorage",
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__queueServiceUri",
)
_KEY_VAULT_MISSING = """\
KEY_VAULT_URL is not set, so there is nowhere to keep the credentials of portals.

  1. Create a Key Vault:  az keyvault create --name <name> --resource-group <group>
  2. Let yourself manage its secrets: role "Key Vault Secrets Officer".
  3. Sign in:             az login
  4. Set it:              export KEY_VAULT_URL=https://<name>.vault.azure.net
                          or put it into local.settings.json (see local.settings.example.json)

Without Azure, `make demo` shows everything on simulated tenants."""


def missing(environment: Mapping[str, str]) -> str | None:
    """What to do before the app can serve real tenants; None if nothing is missing."""
    url = environment.get("KEY_VAULT_URL", "")
    return _KEY_VAULT_MISSING if not url or "<" in url else None


def main() -> int:
    """Serves until Ctrl-C; the result is the exit code."""
    try:
        environment = {**_SCHEDULES, **local_settings(ROOT / "local.settings.json"), **os.environ}
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    told = missing(environment)
    if told is not None:
        print(told, file=sys.stderr)
        return 2
    RUN_DIR.mkdir(parents=True, exist_ok=True)
    azurite = None
    if not any(environment.get(name) for name in _STORAGE):
        azurite = Azurite(RUN_DIR, location=RUN_DIR / "storage")
    options = read_options(["--run-dir", str(RUN_DIR), *sys.argv[1:]])
    try:
        if azurite is not None:
            azurite.start()
            environment["AzureWebJobsStorage"] = azurite.connection_string
            print(f"Storage: Azurite, kept in {RUN_DIR / 'storage'}")
        return asyncio.run(supervise(options, host_environment(environment)))
    except (StartFailed, NodeMissing) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if azurite is not None:
            azurite.stop()


if __name__ == "__main__":
    sys.exit(main())
