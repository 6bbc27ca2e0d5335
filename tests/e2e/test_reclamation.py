"""Licenses are taken from those whom the preview names, once, and given back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.data.tables import TableServiceClient, UpdateMode

from devhost.stack import Stack
from simulator.control import IMPORT_PERMISSIONS, Control
from tests.e2e.admin import Admin
from tests.e2e.reclaiming import Reclaiming

PLAN = "efb87545-963c-4e0d-99df-69c6916d9eb0"


def test_a_preview_names_who_would_lose_what_and_changes_nothing(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    blocked, other = ours.users[0], ours.users[1]
    ours.block(blocked)
    preview_id = ours.preview()
    shown = ours.shown(preview_id)
    assert (shown["state"], shown["account"]) == ("ready", {"planned": 1})
    assert shown["previewedBy"] == "function key"
    assert shown["rule"]["blocked"] is True
    items = ours.items(preview_id)
    assert set(items) == {blocked}
    truth = ours.truth()["users"][blocked]
    item = items[blocked]
    assert item["userPrincipalName"] == truth["upn"]
    assert (item["skuPartNumber"], item["reasons"], item["path"]) == (
        "SPE_E3",
        ["blocked"],
        "direct",
    )
    assert ours.holders() >= {blocked, other}
    assert ours.audit(preview_id) == []
    assert preview_id in [row["reclamationId"] for row in admin.all("/reclamations")]
    of_portal = admin.all(f"/reclamations?portalId={ours.portal_id}")
    assert [row["reclamationId"] for row in of_portal] == [preview_id]


def test_an_executed_preview_takes_exactly_what_it_lists_and_says_who_asked(
    admin: Admin, cloud: Control
):
    # more than a batch
    ours = Reclaiming(admin, cloud, users=50)
    chosen = set(ours.users[:45])
    ours.block(*chosen)
    before = ours.holders()
    preview_id = ours.preview()
    run = ours.execute(preview_id)
    assert run["state"] == "Succeeded", run
    assert run["counts"]["reclaimed"] == 45
    assert run["requestedBy"] == "function key"
    assert ours.holders() == before - chosen
    assert set(ours.states(preview_id).values()) == {"reclaimed"}
    shown = ours.shown(preview_id)
    assert (shown["state"], shown["account"]) == ("executed", {"reclaimed": 45})
    expected = {(u, action): 1 for u in chosen for action in ("removing", "removed")}
    assert ours.audited(preview_id) == expected
    entry = ours.audit(preview_id)[-1]
    assert entry["by"] == "function key"
    assert entry["runId"] == run["runId"]
    assert entry["reasons"] == ["blocked"]


def test_a_preview_is_executed_once(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    ours.block(ours.users[0])
    preview_id = ours.preview()
    ours.execute(preview_id)
    ours.assign(ours.users[0], "SPE_E3")
    assert ours.refused("/reclamations", {"previewId": preview_id}) == "already_executed"
    assert ours.users[0] in ours.holders()


def test_what_was_taken_is_given_back_with_the_same_plans_disabled(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    limited, plain = ours.users[:2]
    ours.assign(limited, "SPE_E3", PLAN)
    ours.block(limited, plain)
    preview_id = ours.preview()
    ours.execute(preview_id)
    assert not {limited, plain} & ours.holders()
    run = ours.undo(preview_id)
    assert run["state"] == "Succeeded", run
    assert {limited, plain} <= ours.holders()
    ours.imported()
    (held,) = [
        a
        for a in admin.get(f"/contacts/{ours.portal_id}/{limited}")["assignments"]
        if a["skuId"] == ours.skus["SPE_E3"]
    ]
    assert held["disabledPlans"] == [PLAN]
    assert set(ours.states(preview_id).values()) == {"restored"}
    assert ours.shown(preview_id)["state"] == "undone"
    assert ours.audited(preview_id)[(limited, "restored")] == 1
    assert ours.refused(f"/reclamations/{preview_id}/undo") == "nothing_to_undo"


def test_whoever_may_sign_in_again_keeps_the_license(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    back, gone, still = ours.users[:3]
    ours.block(back, gone, still)
    preview_id = ours.preview()
    ours.change(back, enabled=True)
    cloud.call("delete-user", tenant_id=ours.tenant_id, user_id=gone)
    run = ours.execute(preview_id)
    assert run["state"] == "Succeeded", run
    items = ours.items(preview_id)
    assert {u: (i["state"], i["outcome"]) for u, i in items.items()} == {
        back: ("skipped", "no_longer_due"),
        gone: ("skipped", "user_gone"),
        still: ("reclaimed", None),
    }
    assert back in ours.holders()


def test_a_guest_who_signed_in_since_the_preview_keeps_the_license(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    active, idle = ours.users[:2]
    for user_id in (active, idle):
        ours.change(user_id, user_type="Guest", last_sign_in="2025-01-01T00:00:00Z")
    ours.imported()
    preview_id = ours.preview(rule={"guest": True})
    soon = datetime.now(UTC) + timedelta(minutes=1)
    ours.change(active, last_sign_in=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    ours.execute(preview_id)
    assert ours.items(preview_id)[active]["outcome"] == "became_active"
    assert ours.states(preview_id) == {active: "skipped", idle: "reclaimed"}


def test_nobody_is_idle_while_nothing_is_known_of_their_activity(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    ours.imported()
    preview_id = ours.preview(rule={"inactiveDays": 1, "neverActive": True})
    assert ours.items(preview_id) == {}
    assert ours.shown(preview_id)["unknownActivity"] == len(ours.holders())


def test_inherited_licenses_are_listed_with_their_group_and_not_attempted(
    admin: Admin, cloud: Control
):
    ours = Reclaiming(
        admin,
        cloud,
        skus=[
            {"part_number": "SPE_E3", "enabled": 12},
            {"part_number": "VISIOCLIENT", "enabled": 12},
        ],
        groups=[{"name": "Designers", "skus": ["VISIOCLIENT"], "share": 0}],
    )
    group_id = ours.truth()["groups"]["Designers"]
    member, both, direct = ours.users[:3]
    for user_id in (member, both):
        cloud.call(
            "membership",
            tenant_id=ours.tenant_id,
            user_id=user_id,
            group_id=group_id,
            member=True,
        )
    for user_id in (both, direct):
        ours.assign(user_id, "VISIOCLIENT")
    ours.block(member, both, direct)
    preview_id = ours.preview("VISIOCLIENT")
    assert ours.shown(preview_id)["account"] == {"inherited": 2, "planned": 1}
    run = ours.execute(preview_id)
    assert run["state"] == "Succeeded", run
    assert ours.states(preview_id) == {member: "inherited", both: "inherited", direct: "reclaimed"}
    groups = ours.items(preview_id)[member]["groups"]
    assert groups == [{"groupId": group_id, "displayName": "Designers"}]
    assert {user for user, _ in ours.audited(preview_id)} == {direct}
    assert ours.holders("VISIOCLIENT") == {member, both}


def test_a_license_that_a_group_gives_since_the_preview_is_not_attempted(
    admin: Admin, cloud: Control
):
    ours = Reclaiming(admin, cloud, groups=[{"name": "All", "skus": ["SPE_E3"], "share": 0}])
    user_id = ours.users[0]
    ours.block(user_id)
    preview_id = ours.preview()
    cloud.call(
        "membership",
        tenant_id=ours.tenant_id,
        user_id=user_id,
        group_id=ours.truth()["groups"]["All"],
        member=True,
    )
    ours.execute(preview_id)
    assert ours.states(preview_id) == {user_id: "inherited"}
    assert ours.audit(preview_id) == []


def test_excluded_contacts_groups_and_departments_keep_their_licenses(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud, groups=[{"name": "VIP", "skus": [], "share": 0}])
    named, member, director, joined, moved, plain = ours.users[:6]
    group_id = ours.truth()["groups"]["VIP"]

    def join(user_id: str) -> None:
        cloud.call(
            "membership",
            tenant_id=ours.tenant_id,
            user_id=user_id,
            group_id=group_id,
            member=True,
        )

    join(member)
    for user_id in ours.users:
        ours.change(user_id, department="Sales")
    ours.change(director, department="Board")
    ours.block(named, member, director, joined, moved, plain)
    preview_id = ours.preview(
        exclusions={"contactIds": [named], "groupIds": [group_id], "departments": ["board"]}
    )
    assert set(ours.items(preview_id)) == {joined, moved, plain}
    # who comes under an exclusion after the preview is left alone as well
    join(joined)
    ours.change(moved, department="BOARD")
    ours.execute(preview_id)
    assert ours.states(preview_id) == {joined: "skipped", moved: "skipped", plain: "reclaimed"}
    assert ours.items(preview_id)[joined]["outcome"] == "excluded"


def test_a_preview_fails_if_an_excluded_group_cannot_be_read(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    ours.block(ours.users[0])
    body = ours.request(exclusions={"groupIds": ["0f8fad5b-d9cb-469f-a165-70867728950e"]})
    started = admin.call("POST", "/reclamations/preview", body, status=202)
    run = admin.wait_for(started["runId"])
    assert run["state"] == "Failed"
    assert "does not exist in the tenant" in run["error"]["message"]
    shown = ours.shown(started["previewId"])
    assert (shown["state"], shown["account"]) == ("preview_failed", {})
    refused = ours.refused("/reclamations", {"previewId": started["previewId"]})
    assert refused == "preview_not_ready"


def test_all_licenses_of_a_user_is_another_choice_than_chosen_ones(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud, licenses_per_user=2)
    user_id = ours.users[0]
    ours.block(user_id)
    chosen = ours.preview("POWER_BI_PRO")
    assert [i["skuPartNumber"] for i in admin.all(f"/reclamations/{chosen}")] == ["POWER_BI_PRO"]
    everything = ours.preview(skuIds=None, allLicenses=True)
    assert ours.shown(everything)["allLicenses"] is True
    ours.execute(everything)
    rows = admin.all(f"/reclamations/{everything}")
    assert {(r["skuPartNumber"], r["state"]) for r in rows} == {
        ("SPE_E3", "reclaimed"),
        ("POWER_BI_PRO", "reclaimed"),
    }
    assert ours.truth()["users"][user_id]["seats"] == []
    ours.undo(everything)
    assert len(ours.truth()["users"][user_id]["seats"]) == 2


def test_a_license_that_the_portal_excludes_by_now_is_not_planned(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud, licenses_per_user=2)
    ours.block(ours.users[0])
    excluded = [ours.skus["SPE_E3"]]
    admin.call("PUT", f"/portals/{ours.portal_id}/exclusions", {"exclusions": excluded}, status=200)
    # the portal was not imported since, so its contacts still have the license
    for preview in (
        ours.preview("SPE_E3", "POWER_BI_PRO"),
        ours.preview(skuIds=None, allLicenses=True),
    ):
        rows = admin.all(f"/reclamations/{preview}")
        assert [row["skuPartNumber"] for row in rows] == ["POWER_BI_PRO"]


@pytest.mark.parametrize("status", [429, 503])
def test_throttled_users_lose_their_licenses_a_little_later(
    admin: Admin, cloud: Control, status: int
):
    ours = Reclaiming(admin, cloud)
    chosen = ours.users[:6]
    ours.block(*chosen)
    preview_id = ours.preview()
    ours.fault("assignLicense", status=status, retry_after="0.2", times=4)
    run = ours.execute(preview_id)
    assert run["state"] == "Succeeded", run
    assert not set(chosen) & ours.holders()
    assert ours.shown(preview_id)["account"] == {"reclaimed": 6}
    assert all(number == 1 for number in ours.audited(preview_id).values())
    counts = run["counts"]
    assert counts["graph_throttled"] == (4 if status == 429 else 0)
    assert counts["graph_retries"] == 4


def test_a_partial_failure_leaves_an_exact_account(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    refused, alone, plain = ours.users[:3]
    ours.block(refused, alone, plain)
    preview_id = ours.preview()
    message = "License assignment failed because service plan X depends on service plan Y."
    ours.fault(f"{refused}/assignLicense", status=400, code="Request_BadRequest", message=message)
    ours.fault(f"{alone}/assignLicense", status=403)
    run = ours.execute(preview_id)
    assert run["state"] == "PartiallySucceeded"
    assert run["error"]["code"] == "reclamation_incomplete"
    assert ours.shown(preview_id)["account"] == {"failed": 2, "reclaimed": 1}
    items = ours.items(preview_id)
    assert (items[refused]["outcome"], items[refused]["message"]) == ("dependency", message)
    assert items[alone]["state"] == "failed"
    assert ours.audited(preview_id)[(refused, "not_removed")] == 1
    assert {refused, alone} <= ours.holders()
    assert plain not in ours.holders()
    ours.undo(preview_id)
    assert ours.shown(preview_id)["account"] == {"failed": 2, "restored": 1}


def test_one_license_that_cannot_be_taken_does_not_keep_the_others(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud, licenses_per_user=2)
    user_id = ours.users[0]
    ours.block(user_id)
    preview_id = ours.preview(skuIds=None, allLicenses=True)
    # gone since the preview, but not for readers
    ours.fault(
        f"{user_id}/assignLicense",
        status=400,
        code="Request_BadRequest",
        message="User does not have a corresponding license.",
        times=2,
    )
    ours.execute(preview_id)
    rows = admin.all(f"/reclamations/{preview_id}")
    assert sorted(row["state"] for row in rows) == ["reclaimed", "skipped"]
    assert len(ours.truth()["users"][user_id]["seats"]) == 1


def test_a_license_that_cannot_be_given_back_may_be_tried_again(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    nowhere, plain = ours.users[:2]
    ours.block(nowhere, plain)
    preview_id = ours.preview()
    ours.execute(preview_id)
    ours.change(nowhere, usage_location=None)
    run = ours.undo(preview_id)
    assert run["state"] == "PartiallySucceeded"
    item = ours.items(preview_id)[nowhere]
    assert (item["state"], item["outcome"]) == ("not_restored", "usage_location")
    assert plain in ours.holders()
    ours.change(nowhere, usage_location="DE")
    assert ours.undo(preview_id)["state"] == "Succeeded"
    assert nowhere in ours.holders()
    assert ours.audited(preview_id)[(plain, "restoring")] == 1


def test_without_the_permission_nothing_is_tried(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud, permissions=IMPORT_PERMISSIONS)
    ours.block(ours.users[0])
    preview_id = ours.preview()
    run = ours.execute(preview_id)
    assert run["state"] == "Failed"
    assert run["error"]["code"] == "permission_missing"
    shown = ours.shown(preview_id)
    assert (shown["state"], shown["account"]) == ("stopped", {"planned": 1})
    assert ours.audit(preview_id) == []
    assert ours.users[0] in ours.holders()


def test_a_portal_that_does_not_allow_it_is_left_alone(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    ours.block(ours.users[0])
    preview_id = ours.preview()
    ours.allow(False)
    refused = "reclamation_not_allowed"
    assert ours.refused("/reclamations/preview", ours.request()) == refused
    assert ours.refused("/reclamations", {"previewId": preview_id}) == refused
    assert ours.refused(f"/reclamations/{preview_id}/undo") == refused
    ours.allow()
    admin.call("PATCH", f"/portals/{ours.portal_id}", {"enabled": False}, status=200)
    assert ours.refused("/reclamations", {"previewId": preview_id}) == "portal_disabled"
    assert ours.users[0] in ours.holders()


def test_withdrawing_the_permit_stops_an_execution_between_two_batches(
    admin: Admin, cloud: Control
):
    ours = Reclaiming(admin, cloud, users=60)
    ours.block(*ours.users)
    preview_id = ours.preview()
    ours.fault("batch", kind="latency", seconds=0.7)
    started = admin.call("POST", "/reclamations", {"previewId": preview_id}, status=202)
    while not ours.audit(preview_id):
        assert admin.get(f"/runs/{started['runId']}")["state"] in ("Queued", "Running")
    assert ours.refused(f"/reclamations/{preview_id}/undo") == "reclamation_running"
    ours.allow(False)
    run = admin.wait_for(started["runId"])
    assert run["state"] == "Failed"
    assert run["error"]["code"] == "reclamation_not_allowed"
    shown = ours.shown(preview_id)
    assert shown["state"] == "stopped"
    taken = {user for user, state in ours.states(preview_id).items() if state == "reclaimed"}
    assert shown["account"] == {"reclaimed": len(taken), "planned": 60 - len(taken)}
    assert 0 < len(taken) < 60
    assert ours.holders() == set(ours.users) - taken
    cloud.clear_faults()
    ours.allow()
    ours.undo(preview_id)
    assert ours.holders() == set(ours.users)


def test_an_expired_preview_is_not_executed(admin: Admin, cloud: Control, stack: Stack):
    ours = Reclaiming(admin, cloud)
    ours.block(ours.users[0])
    preview_id = ours.preview()
    shown = ours.shown(preview_id)
    expires_at = datetime.fromisoformat(shown["expiresAt"])
    assert timedelta(hours=23) < expires_at - datetime.now(UTC) <= timedelta(hours=24)
    with TableServiceClient.from_connection_string(stack.storage_connection) as service:
        table = service.get_table_client("Reclamations")
        (row,) = table.query_entities("ReclamationId eq @id", parameters={"id": preview_id})
        table.update_entity(
            {
                "PartitionKey": row["PartitionKey"],
                "RowKey": row["RowKey"],
                "ExpiresAt": datetime.now(UTC) - timedelta(seconds=1),
            },
            mode=UpdateMode.MERGE,
        )
    assert ours.shown(preview_id)["state"] == "expired"
    assert ours.refused("/reclamations", {"previewId": preview_id}) == "preview_expired"
    assert ours.users[0] in ours.holders()


def test_a_portal_that_was_never_imported_has_nothing_to_preview(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    assert ours.refused("/reclamations/preview", ours.request()) == "conflict"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rule": {}}, "rule"),
        ({"rule": {"inactiveDays": 0}}, "rule.inactiveDays"),
        ({"skuIds": None}, "skuIds"),
        ({"allLicenses": True}, "skuIds"),
        ({"skuIds": ["0f8fad5b-d9cb-469f-a165-70867728950e"]}, "skuIds[0]"),
        ({"exclusions": {"departments": [""]}}, "exclusions.departments[0]"),
    ],
)
def test_a_preview_that_means_nothing_is_refused_by_its_field(
    admin: Admin, cloud: Control, changes: dict[str, Any], field: str
):
    ours = shared(admin, cloud)
    problem = admin.call("POST", "/reclamations/preview", ours.request(**changes), status=400)
    assert problem["field"] == field


def test_what_does_not_exist_is_not_found(admin: Admin):
    unknown = "01900000-0000-7000-8000-000000000000"
    admin.call("GET", f"/reclamations/{unknown}", status=404)
    admin.call("GET", f"/reclamations/{unknown}/audit", status=404)
    admin.call("POST", f"/reclamations/{unknown}/undo", status=404)
    admin.call("POST", "/reclamations", {"previewId": unknown}, status=404)
    admin.call("GET", "/reclamations/ffffffff-ffff-4fff-bfff-ffffffffffff", status=404)


_shared: list[Reclaiming] = []


def shared(admin: Admin, cloud: Control) -> Reclaiming:
    """An imported portal that no test changes."""
    if not _shared:
        _shared.append(Reclaiming(admin, cloud))
        _shared[0].imported()
    return _shared[0]


def test_items_and_audit_go_as_files_too(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    chosen = ours.users[:3]
    ours.block(*chosen)
    preview_id = ours.preview()
    ours.execute(preview_id)
    for path, said in (("", "reclaimed"), ("/audit", "removed")):
        answer = admin.http.get(f"/reclamations/{preview_id}{path}", params={"format": "csv"})
        assert answer.status_code == 200, answer.text
        lines = [line for line in answer.text.splitlines() if said in line]
        assert len(lines) == 3
        assert all(any(user_id in line for line in lines) for user_id in chosen)


def test_what_was_done_outlives_its_portal(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud)
    ours.block(ours.users[0])
    preview_id = ours.preview()
    ours.execute(preview_id)
    admin.call("DELETE", f"/portals/{ours.portal_id}", status=200)
    assert ours.shown(preview_id)["portalName"] == ours.portal["name"]
    assert [entry["action"] for entry in ours.audit(preview_id)] == ["removing", "removed"]
    admin.call("POST", f"/reclamations/{preview_id}/undo", status=404)
