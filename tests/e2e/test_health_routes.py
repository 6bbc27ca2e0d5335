"""Health over HTTP: anyone learns that the app lives, key holders learn what it lacks."""

from __future__ import annotations

import httpx

from simulator.control import Control
from tests.e2e.admin import Admin


def test_anyone_may_ask_whether_the_app_lives(admin: Admin):
    answer = httpx.get(f"{str(admin.http.base_url).rstrip('/')}/health")
    assert (answer.status_code, answer.json()) == (200, {"state": "alive"})
    assert answer.headers["cache-control"] == "no-store"


def test_readiness_names_what_fails(admin: Admin, cloud: Control):
    base = str(admin.http.base_url).rstrip("/")
    assert httpx.get(f"{base}/health/ready").status_code == 401
    checks = {check["name"]: check for check in admin.get("/health/ready")["checks"]}
    assert checks["key_vault"]["state"] == checks["storage"]["state"] == "passed"
    cloud.call("vault", refused=True)
    try:
        problem = admin.call("GET", "/health/ready", status=503)
    finally:
        cloud.call("vault", refused=False)
    assert problem["code"] == "not_ready"
    assert problem["detail"].startswith("key_vault: Key Vault cannot be used")
    assert problem["remedy"]
