"""A host that is killed in the middle of a reclamation: the next one ends it, exactly."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from devhost.stack import Stack
from simulator.control import Control
from tests.e2e.admin import Admin
from tests.e2e.reclaiming import Reclaiming


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A ledger of its own, whose messages come again soon after its host dies."""
    running = Stack(
        tmp_path_factory.mktemp("fragile"),
        environment={"LEASE_SECONDS": "2"},
        message_lock_seconds=4,
    )
    with running:
        yield running


def test_a_host_killed_in_the_middle_is_followed_by_one_that_takes_each_license_once(
    fragile: Stack,
):
    cloud = Control(fragile.simulator_url, fragile.control_key, fragile.ca_bundle)
    with Admin(fragile.api_url, fragile.function_key, fragile.master_key) as admin:
        ours = Reclaiming(admin, cloud, users=65)
        ours.block(*ours.users)
        preview_id = ours.preview()
        ours.fault("batch", kind="latency", seconds=0.6)
        run = admin.call("POST", "/reclamations", {"previewId": preview_id}, status=202)
        deadline = time.monotonic() + 30
        while len(ours.holders()) > 30 and time.monotonic() < deadline:
            time.sleep(0.05)
    os.kill(fragile.host_pid, signal.SIGKILL)
    fragile.stop_host()
    taken = 65 - len(ours.holders())
    assert 30 < taken < 65
    cloud.clear_faults()
    fragile.start_host()
    with Admin(fragile.api_url, fragile.function_key, fragile.master_key) as admin:
        ours.admin = admin
        ended = admin.wait_for(run["runId"])
        assert ended["state"] == "Succeeded", ended
        assert ended["attempts"] > 1
        assert ours.holders() == set()
        assert ours.shown(preview_id)["account"] == {"reclaimed": 65}
        removed = [entry for entry in ours.audit(preview_id) if entry["action"] == "removed"]
        assert sorted(entry["userId"] for entry in removed) == sorted(ours.users)
        done = {k: n for k, n in cloud.counters().items() if "assignLicense" in k}
        assert done["POST /v1.0/users/{id}/assignLicense 200"] == 65
        ours.undo(preview_id)
        assert ours.holders() == set(ours.users)
