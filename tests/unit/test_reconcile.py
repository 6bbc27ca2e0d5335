"""What an import writes, given what is stored and what was seen."""

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from graph.models import CompanySubscription
from imports.model import Group
from imports.reconcile import (
    contact_of,
    dropped_too_far,
    reconcile_groups,
    reconcile_licenses,
    reconcile_products,
)
from tests.builders import (
    GROUP,
    NOW,
    OTHER_SKU,
    PORTAL,
    SKU,
    assigned,
    make_license,
    make_sku,
    make_user,
)

TITLES = {SKU: "Microsoft 365 E3", OTHER_SKU: "Visio Plan 2"}


def reconciled(stored, seen, *, excluded=(), subscriptions=()):
    """The changes, with settings that make no difference."""
    return reconcile_licenses(
        PORTAL,
        {license_.sku_id: license_ for license_ in stored},
        seen,
        subscriptions,
        TITLES,
        excluded=set(excluded),
        hold_percent=50,
        now=NOW,
    )


def test_a_seen_sku_becomes_a_license_with_its_subscriptions():
    subscription = CompanySubscription("s1", SKU, "c1", "Enabled", 10, owner_tenant_id="t")
    (license_,) = reconciled([], [make_sku()], subscriptions=[subscription]).upserts
    assert license_.title == "Microsoft 365 E3"
    assert license_.entitled_units == 10
    assert license_.subscriptions[0].subscription_id == "c1"


def test_how_far_ahead_a_subscription_was_seen_is_remembered():
    ends = NOW + timedelta(days=300)
    seen = CompanySubscription("s1", SKU, "c1", "Enabled", 10, next_lifecycle_date_time=ends)
    (first,) = reconciled([], [make_sku()], subscriptions=[seen]).upserts
    assert first.subscriptions[0].longest_left_days == 300
    nearer = msgspec.structs.replace(seen, next_lifecycle_date_time=NOW + timedelta(days=9))
    (then,) = reconciled([first], [make_sku()], subscriptions=[nearer]).upserts
    assert then.subscriptions[0].longest_left_days == 300


def test_an_excluded_sku_is_left_as_it_is():
    assert reconciled([], [make_sku()], excluded=[SKU]).upserts == ()
    assert reconciled([make_license()], [make_sku()], excluded=[SKU]).upserts == ()


def test_a_sku_that_is_gone_is_marked_and_unmarked_when_it_returns():
    stored = [make_license(), make_license(sku_id=OTHER_SKU)]
    gone = reconciled(stored, [make_sku()])
    marked = {license_.sku_id: license_.removed_at for license_ in gone.upserts}
    assert marked == {SKU: None, OTHER_SKU: NOW}
    assert gone.removed == 1
    back = reconciled(gone.upserts, [make_sku(), make_sku(OTHER_SKU)])
    assert all(license_.removed_at is None for license_ in back.upserts)


def test_a_tenant_that_shows_no_sku_at_all_loses_none():
    stored = [make_license(), make_license(sku_id=OTHER_SKU)]
    changes = reconciled(stored, [])
    assert changes.held
    assert changes.upserts == ()


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(1, 100))
def test_growth_is_never_held_back_and_nothing_at_all_always_is(before, after, percent):
    held = dropped_too_far(before, after, percent)
    if after >= before:
        assert not held
    if before > 1 and after == 0:
        assert held
    if held and after:
        assert (before - after) * 100 > before * percent


def test_reconciling_products_twice_changes_nothing():
    licenses = [make_license()]
    first = reconcile_products(PORTAL, "Contoso", {}, licenses, now=NOW)
    assert [p.name for p in first] == ["Contoso Microsoft 365 E3"]
    assert [p.directory for p in first] == ["Microsoft 365/Contoso"]
    stored = {product.sku_id: product for product in first}
    assert reconcile_products(PORTAL, "Contoso", stored, licenses, now=NOW) == []


def test_a_rename_moves_only_products_that_no_admin_moved():
    stored = {
        product.sku_id: product
        for product in reconcile_products(
            PORTAL, "Old", {}, [make_license(), make_license(sku_id=OTHER_SKU)], now=NOW
        )
    }
    import msgspec

    stored[SKU] = msgspec.structs.replace(stored[SKU], directory="Mine", moved=True)
    renamed = reconcile_products(
        PORTAL, "New", stored, [make_license(), make_license(sku_id=OTHER_SKU)], now=NOW
    )
    assert {p.sku_id: p.directory for p in renamed} == {SKU: "Mine", OTHER_SKU: "Microsoft 365/New"}
    assert all(p.name.startswith("New ") for p in renamed)


def test_groups_not_seen_are_deleted_and_unchanged_ones_not_written():
    group = Group(GROUP, "Sales", None, (SKU,))
    assert reconcile_groups({GROUP: group}, [group]) == ([], [])
    assert reconcile_groups({GROUP: group}, []) == ([], [GROUP])
    renamed = Group(GROUP, "Sales EMEA", None, (SKU,))
    assert reconcile_groups({GROUP: group}, [renamed]) == ([renamed], [])


def test_rooms_guests_and_members_are_told_apart():
    room = contact_of(make_user(mail="Room@contoso.example"), {"room@contoso.example"}, ())
    guest = contact_of(make_user(user_type="guest"), {"room@contoso.example"}, ())
    member = contact_of(make_user(user_type=None), set(), ())
    assert [c.kind for c in (room, guest, member)] == ["room", "guest", "member"]


def test_a_contact_has_what_the_user_has_and_not_what_is_excluded():
    user = make_user(assigned_licenses=(assigned(SKU), assigned(OTHER_SKU)), account_enabled=False)
    contact = contact_of(user, (), {SKU})
    assert contact.user_id == user.id
    assert contact.account_enabled is False
    assert [a.sku_id for a in contact.assignments] == [OTHER_SKU]
    assert contact.department is None
