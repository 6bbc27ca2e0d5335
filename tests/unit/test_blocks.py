"""Packing contacts into blocks."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from identifiers import PortalId, UserId
from imports.model import Contact
from storage.blocks import (
    Layout,
    decode_contacts,
    encode_contact,
    encoded_user_id,
    join_contacts,
    join_properties,
    layout_for,
    next_generation,
    pack_user_ids,
    split_properties,
    unpack_user_ids,
)

PORTAL = PortalId("0f8fad5b-d9cb-469f-a165-70867728950e")
user_ids = st.uuids().map(lambda u: UserId(str(u)))
layouts = st.tuples(st.integers(0, 8), st.integers(0, 10)).map(
    lambda bits: Layout(1, bits[0] + bits[1], bits[0])
)


@given(st.lists(user_ids))
def test_user_ids_survive_packing(ids):
    assert unpack_user_ids(pack_user_ids(ids)) == ids


@given(layouts, user_ids)
def test_a_contact_stands_in_a_block_of_its_partition(layout, user_id):
    block = layout.block_of(user_id)
    partition = layout.partition_of_block(block)
    assert partition in layout.partitions
    assert block in layout.blocks_of(partition)


@given(layouts, st.lists(user_ids, min_size=2, max_size=20))
def test_blocks_keep_the_order_of_user_ids(layout, ids):
    blocks = [layout.block_of(user_id) for user_id in sorted(ids)]
    assert blocks == sorted(blocks)


@given(st.integers(0, 5_000_000))
def test_blocks_and_partitions_stay_near_their_target_sizes(count):
    layout = layout_for(count, None)
    assert count / (1 << layout.block_bits) <= 96
    assert layout.partition_bits <= layout.block_bits
    assert layout.partition_bits == 8 or count / len(layout.partitions) <= 4096


@given(st.integers(0, 2_000_000), st.integers(0, 2_000_000))
def test_a_layout_is_kept_while_it_fits_and_replaced_as_a_new_generation(first, second):
    layout = layout_for(first, None)
    following = layout_for(second, layout)
    assert following == layout or following.generation == layout.generation + 1
    assert layout_for(second, following) == following or second < 24


def test_a_new_generation_shares_no_key_with_the_one_before():
    layout = layout_for(1000, None)
    assert next_generation(layout).key_prefix(PORTAL) != layout.key_prefix(PORTAL)


@given(st.binary(max_size=200_000))
def test_content_survives_being_split_into_properties(content):
    properties = split_properties("Data", content)
    assert all(len(part) <= 65_536 for part in properties.values())
    assert join_properties("Data", properties) == content


@given(st.lists(st.uuids(), unique=True, max_size=30))
def test_contacts_survive_a_block(ids: list[UUID]):
    contacts = [
        Contact(UserId(str(i)), f"{i}@contoso.example", "Zoë 🦊", "member", True)
        for i in sorted(ids, key=str)
    ]
    encoded = [encode_contact(contact) for contact in contacts]
    assert decode_contacts(join_contacts(encoded)) == contacts
    assert [encoded_user_id(one) for one in encoded] == [c.user_id for c in contacts]
