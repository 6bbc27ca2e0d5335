"""The audit of an erasure says who erased in which portal, and not whom."""

from __future__ import annotations

from devhost.stack import Stack
from simulator.control import Control
from tests.e2e.admin import Admin, connected


def test_no_log_line_of_the_app_says_who_was_erased(admin: Admin, cloud: Control, stack: Stack):
    portal_id = connected(admin, cloud, users=5)["portalId"]
    admin.import_portal(portal_id)
    user_id = admin.all(f"/contacts?portalId={portal_id}")[0]["userId"]
    admin.call("DELETE", f"/contacts/{portal_id}/{user_id}", status=204)
    admin.call("DELETE", f"/contacts/{portal_id}/{user_id}/erasure", status=204)
    lines = (stack.run_dir / "devhost.log").read_text(errors="replace").splitlines()
    audited = [line for line in lines if "ledger365" in line and portal_id in line]
    told = "\n".join(audited)
    assert "ErasePerson" in told
    assert "LiftErasure" in told
    assert "function key" in told
    assert user_id not in told
