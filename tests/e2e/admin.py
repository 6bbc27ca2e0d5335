"""What an admin does, through HTTP alone."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from simulator.control import Control

FINISHED = ("Succeeded", "PartiallySucceeded", "Failed")
RUN_SECONDS = 60
SECRET = "Q~secret-value-that-must-not-leak-0123456789"
_numbers = itertools.count(1)


class Admin:
    """Calls the API with the function key."""

    def __init__(self, api_url: str, function_key: str, master_key: str) -> None:
        self.http = httpx.Client(
            base_url=api_url, headers={"x-functions-key": function_key}, timeout=120
        )
        self._host = httpx.Client(
            base_url=api_url.removesuffix("/api"),
            headers={"x-functions-key": master_key},
            timeout=60,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()
        self._host.close()

    def call(self, method: str, path: str, body: Any = None, *, status: int, **headers: str) -> Any:
        """The JSON answer, which must have that status."""
        response = self.http.request(
            method,
            path,
            json=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        assert response.status_code == status, (response.status_code, response.text)
        return response.json() if response.content else None

    def get(self, path: str) -> Any:
        """The JSON answer of a GET."""
        return self.call("GET", path, status=200)

    def all(self, path: str) -> list[Any]:
        """Every row of every page of a list."""
        return list(self._rows(path))

    def _rows(self, path: str) -> Iterator[Any]:
        continuation: str | None = None
        while True:
            parameters = {"continuation": continuation} if continuation else None
            url = httpx.URL(path).copy_merge_params(parameters or {})
            response = self.http.get(url)
            assert response.status_code == 200, response.text
            yield from response.json()["value"]
            continuation = response.json()["continuation"]
            if continuation is None:
                return

    def run(self, method: str, path: str, body: Any = None) -> Any:
        """Starts long work and waits for its run's end."""
        started = self.call(method, path, body, status=202)
        return self.wait_for(started["runId"])

    def wait_for(self, run_id: str) -> Any:
        """The run once it has ended."""
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            run = self.get(f"/runs/{run_id}")
            if run["state"] in FINISHED:
                return run
            time.sleep(0.1)
        raise AssertionError(f"run {run_id} did not end: {run}")

    def import_portal(self, portal_id: str, *, clean: bool = False) -> Any:
        """Imports a portal to the end."""
        return self.run("POST", f"/portals/{portal_id}/import", {"clean": clean})

    def recalculate(self, *portal_ids: str) -> Any:
        """Imports and recalculates portals to the end."""
        return self.run("POST", "/compliance/recalculate", {"portalIds": list(portal_ids)})

    def fire(self, function: str) -> None:
        """Lets a timer come round now."""
        response = self._host.post(f"/admin/functions/{function}", json={})
        assert response.status_code == 202, response.text

    def positions(self, portal_id: str) -> dict[str, Any]:
        """The portal's positions by part number."""
        rows = self.all(f"/compliance?portalId={portal_id}")
        return {row["skuPartNumber"]: row for row in rows}


def portal_body(tenant_id: str, client_id: str, **changes: Any) -> dict[str, Any]:
    """The body that connects a tenant of the simulator by secret."""
    return {
        "name": f"Portal {next(_numbers)} {uuid.uuid4().hex[:6]}",
        "tenantId": tenant_id,
        "clientId": client_id,
        "cloud": "Simulated",
        "credential": {"kind": "clientSecret", "value": SECRET},
        **changes,
    }


def connected(admin: Admin, cloud: Control, *, name: str | None = None, **spec: Any) -> Any:
    """A new tenant, and the portal that connects it."""
    tenant_id, client_id = new_tenant(cloud, **spec)
    named = {"name": name} if name else {}
    return admin.call("POST", "/portals", portal_body(tenant_id, client_id, **named), status=201)


def new_tenant(cloud: Control, **spec: Any) -> tuple[str, str]:
    """Tenant ID and client ID of a new tenant with a registered application."""
    number = next(_numbers)
    values: dict[str, Any] = {"users": 40, "seed": 1000 + number, "name": f"Tenant {number}"}
    tenant_id = cloud.create_tenant(**{**values, **spec})
    client_id = str(uuid.uuid4())
    cloud.register(tenant_id, client_id, secret=SECRET)
    return tenant_id, client_id
