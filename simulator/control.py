"""The client of the control endpoint, for tests, demo and benchmarks."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

IMPORT_PERMISSIONS = (
    "Organization.Read.All",
    "User.Read.All",
    "GroupMember.Read.All",
    "Place.Read.All",
)


class Control:
    """Makes and changes tenants of a running simulator."""

    def __init__(self, url: str, control_key: str, ca_bundle: Path) -> None:
        self.url = url
        self._key = control_key
        self._tls = ssl.create_default_context(cafile=str(ca_bundle))

    def call(self, action: str, **body: Any) -> Any:
        """Runs an action. Raises urllib's HTTPError if the simulator refuses it."""
        request = urllib.request.Request(  # noqa: S310 - always our own https address
            f"{self.url}/control/{action}",
            data=json.dumps(body).encode(),
            headers={"x-control-key": self._key, "content-type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, context=self._tls, timeout=300) as response:  # noqa: S310
            return json.loads(response.read())

    def create_tenant(self, **spec: Any) -> str:
        """Creates a tenant (see `simulator.seeding.make_tenant`); returns its ID."""
        return str(self.call("tenant", **spec)["tenant_id"])

    def register(
        self,
        tenant_id: str,
        client_id: str,
        *,
        secret: str | None = None,
        secret_expires: str | None = None,
        certificates: Sequence[str] = (),
        permissions: Sequence[str] = IMPORT_PERMISSIONS,
        redirect_uris: Sequence[str] = (),
        public: bool = False,
    ) -> None:
        """Registers an application in a tenant, or registers it anew."""
        secrets = [{"value": secret, "expires": secret_expires}] if secret else []
        self.call(
            "application",
            tenant_id=tenant_id,
            client_id=client_id,
            secrets=secrets,
            certificates=list(certificates),
            permissions=list(permissions),
            redirect_uris=list(redirect_uris),
            public=public,
        )

    def truth(self, tenant_id: str, *, users: bool = False) -> Any:
        """What the ledger must say of the tenant."""
        return self.call("truth", tenant_id=tenant_id, users=users)

    def fault(self, kind: str, **values: Any) -> None:
        """Lets requests fail from now on (see `simulator.faults.Fault`)."""
        self.call("fault", kind=kind, **values)

    def clear_faults(self) -> None:
        """Lets all requests succeed again."""
        self.call("clear-faults")

    def counters(self) -> dict[str, int]:
        """Requests so far, by method, path and status."""
        found: dict[str, int] = self.call("counters")
        return found
