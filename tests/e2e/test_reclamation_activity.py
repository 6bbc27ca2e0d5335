"""Licenses of idle contacts are taken, of active ones never, and of unknown ones neither."""

from __future__ import annotations

from simulator.control import Control
from tests.e2e.admin import Admin
from tests.e2e.reclaiming import PERMISSIONS, REPORTS, SIGN_INS, Reclaiming

EVERYTHING = (*PERMISSIONS, *REPORTS)


def idle_tenant(admin: Admin, cloud: Control, **options: object) -> Reclaiming:
    """A tenant of users that were active 5, 100 and 200 days ago and never, three of each."""
    ours = Reclaiming(
        admin,
        cloud,
        **{"permissions": EVERYTHING, "tasks": ["access", "sign_ins"], **options},  # type: ignore[arg-type]
    )
    for index, user_id in enumerate(ours.users):
        ours.use(user_id, (5, 100, 200, None)[index // 3])
    ours.collect()
    return ours


def test_idle_contacts_lose_their_licenses_and_those_who_came_back_do_not(
    admin: Admin, cloud: Control
):
    ours = idle_tenant(admin, cloud)
    active, hundred, longer, never = (ours.users[at : at + 3] for at in (0, 3, 6, 9))
    preview_id = ours.preview(rule={"inactiveDays": 150})
    items = ours.items(preview_id)
    # a report of 90 days tells nothing of 150 days without any activity
    assert set(items) == set(longer)
    assert {item["reasons"][0] for item in items.values()} == {"inactive"}
    assert ours.shown(preview_id)["unknownActivity"] == len(never)
    both = ours.preview(rule={"inactiveDays": 90})
    reasons = {user: item["reasons"] for user, item in ours.items(both).items()}
    assert reasons == {
        **{user_id: ["inactive"] for user_id in (*hundred, *longer)},
        **{user_id: ["never_active"] for user_id in never},
    }
    assert all(
        (item["lastActivity"] is None) is (u in never) for u, item in ours.items(both).items()
    )
    back, first = hundred[0], never[0]
    for user_id in (back, first):
        ours.sign_in(user_id, 0)
    run = ours.execute(both)
    assert run["state"] == "Succeeded", run
    outcomes = {user: item["outcome"] for user, item in ours.items(both).items()}
    assert {user for user, outcome in outcomes.items() if outcome == "became_active"} == {
        back,
        first,
    }
    assert ours.holders() == {*active, back, first}


def test_only_those_who_were_never_active(admin: Admin, cloud: Control):
    ours = idle_tenant(admin, cloud)
    preview_id = ours.preview(rule={"neverActive": True})
    assert set(ours.items(preview_id)) == set(ours.users[9:])


def test_nobody_is_idle_by_reports_that_hide_names(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud, permissions=(*EVERYTHING,), tasks=["access"], premium=False)
    cloud.call("reports", tenant_id=ours.tenant_id, concealed=True)
    for user_id in ours.users:
        ours.use(user_id, 200)
    ours.collect("PartiallySucceeded")
    preview_id = ours.preview(rule={"inactiveDays": 30, "neverActive": True})
    assert ours.items(preview_id) == {}
    assert ours.shown(preview_id)["unknownActivity"] == 12


def test_reports_decide_in_a_tenant_that_does_not_tell_sign_ins(admin: Admin, cloud: Control):
    ours = idle_tenant(admin, cloud, premium=False, tasks=["access"])
    preview_id = ours.preview(rule={"inactiveDays": 90})
    ours.use(ours.users[3], 4)
    ours.collect()
    ours.execute(preview_id)
    skipped = {user for user, state in ours.states(preview_id).items() if state == "skipped"}
    assert skipped == {ours.users[3]}
    assert ours.holders() == set(ours.users[:4])


def test_nobody_is_idle_for_fewer_days_than_the_reports_are_old(admin: Admin, cloud: Control):
    ours = Reclaiming(admin, cloud, permissions=EVERYTHING, tasks=["access"])
    for user_id in ours.users:
        ours.use(user_id, 4)
    ours.collect()
    # the reports end three days ago; everybody may have been active since
    preview_id = ours.preview(rule={"inactiveDays": 3, "neverActive": True})
    assert ours.items(preview_id) == {}
    assert ours.shown(preview_id)["unknownActivity"] == 12


def test_whose_sign_ins_are_not_told_any_more_keeps_the_license(admin: Admin, cloud: Control):
    ours = idle_tenant(admin, cloud)
    preview_id = ours.preview(rule={"inactiveDays": 90})
    assert len(ours.items(preview_id)) == 9
    ours.grant([permission for permission in EVERYTHING if permission != SIGN_INS])
    run = ours.execute(preview_id)
    assert run["state"] == "Succeeded", run
    outcomes = {item["outcome"] for item in ours.items(preview_id).values()}
    assert outcomes == {"activity_unknown"}
    assert ours.holders() == set(ours.users)
