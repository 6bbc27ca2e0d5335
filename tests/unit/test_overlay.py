"""What is laid over blocks and indexes gives what rewriting them would have given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compliance.tally import tally
from identifiers import UserId
from imports.model import Contact
from storage.blocks import Layout, encode_contact, index_consumers, pack_user_ids
from storage.overlay import NOTHING, Overlay, decode_overlay, flags_without
from tests.builders import OTHER_SKU, SKU, make_assignment, make_contact, make_path

user_ids = st.integers(0, 2**32 - 1).map(
    lambda number: UserId(f"{number:08x}-0000-4000-8000-000000000000")
)
contacts = st.builds(
    lambda user_id, name, skus: make_contact(
        *(make_assignment(make_path(), sku_id=sku) for sku in sorted(skus)),
        user_id=user_id,
        display_name=name,
    ),
    user_ids,
    st.text(max_size=5),
    st.sets(st.sampled_from([SKU, OTHER_SKU])),
)
tenants = st.dictionaries(user_ids, contacts, max_size=30).map(
    lambda found: {contact.user_id: contact for contact in found.values()}
)


def encoded(changes: dict[UserId, Contact | None]) -> dict[UserId, bytes | None]:
    """The changes as an overlay takes them."""
    return {u: None if c is None else encode_contact(c) for u, c in changes.items()}


def laid_over(base: dict[UserId, Contact], changes: dict[UserId, Contact | None]) -> list[Contact]:
    """The contacts after the changes, sorted."""
    merged = {u: c for u, c in {**base, **changes}.items() if c is not None}
    return [merged[user_id] for user_id in sorted(merged)]


@given(tenants, tenants, st.data())
def test_blocks_with_an_overlay_are_the_blocks_that_a_rewrite_would_give(base, newer, data):
    known = sorted({*base, *newer})
    gone = data.draw(st.sets(st.sampled_from(known)) if known else st.just(set()))
    changes: dict[UserId, Contact | None] = {**newer, **dict.fromkeys(gone)}
    overlay = decode_overlay(Overlay(encoded(changes)).encode())
    layout = Layout(1, block_bits=3, partition_bits=1)
    found: list[Contact] = []
    for block in range(8):
        stored = [base[u] for u in sorted(base) if layout.block_of(u) == block]
        found += overlay.over(stored, layout.first_id_of(block), layout.first_id_of(block + 1))
    assert found == laid_over(base, changes)


@given(tenants, tenants)
def test_counts_with_an_overlay_are_the_counts_of_all_contacts_as_they_changed(base, newer):
    changes: dict[UserId, Contact | None] = {
        **newer,
        **dict.fromkeys(user_id for n, user_id in enumerate(base) if n % 3 == 0),
    }
    overlay = Overlay(encoded(changes))
    layout = Layout(1, block_bits=3, partition_bits=1)
    masked = overlay.packed_by_partition(layout)
    flags = {sku: [bytes(index.flags)] for sku, index in overlay.indexes.items()}
    for partition in layout.partitions:
        inside = {
            u: base[u]
            for u in sorted(base)
            if layout.partition_of_block(layout.block_of(u)) == partition
        }
        for sku, index in index_consumers(inside).items():
            ids = pack_user_ids(index.user_ids)
            kept = flags_without(ids, bytes(index.flags), masked.get(partition, b""))
            flags.setdefault(sku, []).append(kept)
    truth = index_consumers({c.user_id: c for c in laid_over(base, changes)})
    assert {s: tally(parts) for s, parts in flags.items() if sum(map(len, parts))} == {
        s: tally([bytes(index.flags)]) for s, index in truth.items()
    }


def test_later_changes_lie_on_top_of_earlier_ones():
    ada = make_contact(display_name="Ada")
    renamed = make_contact(display_name="Ada L.", user_id=ada.user_id)
    overlay = NOTHING.merged(encoded({ada.user_id: ada})).merged(encoded({ada.user_id: renamed}))
    assert len(overlay) == 1
    assert overlay.get(ada.user_id) == renamed
    assert overlay.merged({ada.user_id: None}).get(ada.user_id) is None
