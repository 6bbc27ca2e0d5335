"""Which contacts of several portals are one person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from consolidation.matching import (
    MAX_CONTACTS_OF_A_PERSON,
    DirectoryObject,
    Indexes,
    Matched,
    Matcher,
    address_of,
    objects,
)
from identifiers import PortalId, SkuId, TenantId, UserId
from imports.model import Contact
from tests.builders import OTHER_SKU, SKU, make_assignment, make_contact, make_path

EUROPE, ASIA, AGAIN = (PortalId(name) for name in ("europe", "asia", "europe-again"))
TENANT, OTHER = TenantId("tenant"), TenantId("other")
TITLES = {SKU: "e3", OTHER_SKU: "e3"}


def user_id(number: int) -> UserId:
    return UserId(f"{number:08x}-0000-4000-8000-000000000000")


def person(number: int, mail: str | None = None, *skus: SkuId, **changes: object) -> Contact:
    assignments = [make_assignment(make_path(), sku_id=sku_id) for sku_id in skus]
    return make_contact(
        *assignments,
        user_id=user_id(number),
        user_principal_name=f"u{number}@contoso.example",
        mail=mail,
        **changes,
    )


def matched(*found: tuple[TenantId, DirectoryObject]) -> Matched:
    indexes = Indexes([EUROPE, ASIA, AGAIN])
    matcher = Matcher(indexes, TITLES)
    for tenant_id, item in found:
        matcher.add(indexes.sighting(tenant_id, item, frozenset({SKU, OTHER_SKU})))
    return matcher.result()


def seen(portal_id: PortalId, contact: Contact) -> DirectoryObject:
    return DirectoryObject(((portal_id, contact),))


def test_the_same_mail_in_any_case_is_one_person():
    result = matched(
        (TENANT, seen(EUROPE, person(1, "Ada@Example.com", SKU))),
        (OTHER, seen(ASIA, person(2, "ada@example.com", SKU, OTHER_SKU))),
    )
    assert result.persons == 1
    assert result.holders == {SKU: 1, OTHER_SKU: 1}
    # both licenses are of one product
    assert result.title_holders == {"e3": 1}
    (one,) = result.matched
    assert [(ref.portal_id, ref.user_id) for ref in one.contacts] == [
        (ASIA, user_id(2)),
        (EUROPE, user_id(1)),
    ]


def test_a_guest_is_the_member_of_another_tenant_with_its_mail():
    member = person(1, None, SKU)
    guest = person(2, "u1@contoso.example", SKU, kind="guest")
    result = matched((TENANT, seen(EUROPE, member)), (OTHER, seen(ASIA, guest)))
    assert (result.persons, len(result.matched)) == (1, 1)


def test_a_guest_without_mail_and_a_room_match_nobody_by_address():
    assert address_of(person(1, None, kind="guest")) is None
    assert address_of(person(1, "room@contoso.example", kind="room")) is None
    assert address_of(person(1, "  ")) is None
    assert address_of(person(1, "not an address")) is None
    assert address_of(person(1)) == "u1@contoso.example"


def test_the_same_object_in_two_portals_of_one_tenant_is_one_person():
    room = person(1, None, SKU, kind="room")
    copies = DirectoryObject(((EUROPE, room), (AGAIN, room)))
    result = matched((TENANT, copies))
    assert (result.persons, result.holders[SKU], len(result.matched)) == (1, 1, 1)


def test_the_same_object_id_in_two_tenants_means_nothing():
    rooms = [(t, seen(p, person(1, kind="room"))) for t, p in ((TENANT, EUROPE), (OTHER, ASIA))]
    result = matched(*rooms)
    assert (result.persons, result.matched) == (2, [])


def test_two_accounts_of_a_person_in_one_portal_are_one_person_but_not_in_several_portals():
    result = matched(
        (TENANT, seen(EUROPE, person(1, "ada@example.com", SKU))),
        (TENANT, seen(EUROPE, person(2, "ada@example.com", OTHER_SKU))),
    )
    assert (result.persons, result.matched) == (1, [])


def test_an_address_of_very_many_contacts_matches_nobody():
    number = MAX_CONTACTS_OF_A_PERSON + 5
    many = [
        (TENANT, seen(EUROPE if n % 2 else ASIA, person(n, "all@example.com", SKU)))
        for n in range(number)
    ]
    result = matched(*many)
    assert (result.persons, result.holders[SKU]) == (number, number)
    assert (result.matched, result.shared_addresses) == ([], 1)


def test_an_assignment_that_uses_no_seat_makes_no_holder():
    failing = make_contact(
        make_assignment(make_path(state="Error")), user_id=user_id(1), mail="a@b.example"
    )
    assert matched((TENANT, seen(EUROPE, failing))).holders == {}


async def blocks(contacts: Sequence[Contact], size: int) -> AsyncIterator[list[Contact]]:
    for start in range(0, len(contacts), size):
        yield list(contacts[start : start + size])


NUMBERS = st.lists(st.integers(0, 50), unique=True, max_size=30).map(sorted)


@given(st.lists(st.tuples(NUMBERS, st.integers(1, 7)), min_size=1, max_size=4))
async def test_the_users_of_a_tenant_come_once_with_all_their_copies(
    streams: list[tuple[list[int], int]],
):
    portals = [PortalId(f"portal{index}") for index in range(len(streams))]
    contents = [[person(number) for number in numbers] for numbers, _ in streams]
    found = [
        item
        async for some in objects(
            [
                (portal_id, blocks(contacts, size))
                for portal_id, contacts, (_, size) in zip(portals, contents, streams, strict=True)
            ]
        )
        for item in some
    ]
    ids = [item.copies[0][1].user_id for item in found]
    assert ids == sorted(set(ids))
    expected = {
        (portal_id, contact.user_id)
        for portal_id, contacts in zip(portals, contents, strict=True)
        for contact in contacts
    }
    copies = [(p, c.user_id) for item in found for p, c in item.copies]
    assert len(copies) == len(expected)
    assert set(copies) == expected
    assert all(len({c.user_id for _, c in item.copies}) == 1 for item in found)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12), st.sampled_from([EUROPE, ASIA]), st.sampled_from(["a", "b", "c"])
        ),
        max_size=30,
        unique_by=lambda entry: (entry[0], entry[1]),
    )
)
def test_persons_are_the_addresses_however_the_contacts_come(
    entries: list[tuple[int, PortalId, str]],
):
    items = [
        (TENANT if portal == EUROPE else OTHER, seen(portal, person(n, f"{mail}@x.example", SKU)))
        for n, portal, mail in entries
    ]
    result, again = matched(*items), matched(*reversed(items))
    addresses = {mail for _, _, mail in entries}
    assert result.persons == len(addresses)
    assert result.holders.get(SKU, 0) == len(addresses)
    assert [person.contacts for person in result.matched] == [p.contacts for p in again.matched]
    in_both = {mail for mail in addresses if len({p for _, p, m in entries if m == mail}) == 2}
    assert len(result.matched) == len(in_both)
