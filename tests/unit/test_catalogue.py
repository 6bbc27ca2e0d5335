"""Microsoft's list of products, with its dirt."""

from pathlib import Path

import pytest

from catalogue.builtin import BUILT_IN_TITLES
from catalogue.parse import parse_catalogue
from catalogue.service import Titles, built_in_entries
from errors import InvalidInput
from identifiers import SkuId, canonical_guid

HEADER = (
    "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,"
    "Service_Plans_Included_Friendly_Names\n"
)
SKU = "05e9a617-0261-4cee-bb44-138d3ef5d965"
PLAN = "113feb6c-3fe4-4440-bddc-54d774bf0318"
PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "sku-catalogue.csv"


def row(title="Microsoft 365 E3", part="SPE_E3", sku=SKU, plan=PLAN):
    """A row of the list."""
    return f"{title},{part},{sku},EXCHANGE_S_FOUNDATION,{plan},Exchange Foundation\n"


def test_guids_are_trimmed_and_lowered_and_repeated_rows_merged():
    entries = parse_catalogue((HEADER + row() + row(sku=f" {SKU.upper()} ") + row()).encode())
    assert [e.sku_id for e in entries] == [SKU]
    assert len(entries[0].service_plans) == 1


def test_of_two_names_the_one_not_retired_is_taken():
    text = HEADER + row(title="RETIRED - Old name") + row(title="New name") + row(title="Third")
    assert parse_catalogue(text.encode())[0].title == "New name"


def test_the_old_spelling_of_a_column_is_known():
    text = (HEADER + row()).replace("String_Id", "String_ Id")
    assert parse_catalogue(text.encode())[0].part_number == "SPE_E3"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_any_encoding_that_the_list_has_had_is_read(encoding):
    text = HEADER + row(title="Bürö – E3")
    assert parse_catalogue(text.encode(encoding))[0].title == "Bürö – E3"


def test_rows_without_a_usable_guid_are_passed_over():
    text = HEADER + row(sku="n/a") + row(title="") + row()
    assert [entry.sku_id for entry in parse_catalogue(text.encode())] == [SKU]


@pytest.mark.parametrize(
    "content", [b"", b"<html>proxy</html>", b"a,b,c\n1,2,3\n", HEADER.encode()]
)
def test_what_is_not_the_list_is_refused(content):
    with pytest.raises(InvalidInput) as refused:
        parse_catalogue(content)
    assert refused.value.field == "catalogue"


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published list is not at hand")
def test_the_published_list_is_read_whole():
    entries = {entry.sku_id: entry for entry in parse_catalogue(PUBLISHED.read_bytes())}
    assert len(entries) == 619
    assert all(canonical_guid(sku_id) == sku_id for sku_id in entries)
    assert all(entry.title for entry in entries.values())
    assert {sku_id: entries[sku_id].title for sku_id in BUILT_IN_TITLES} == {
        sku_id: title for sku_id, (_, title) in BUILT_IN_TITLES.items()
    }


def test_a_title_falls_back_to_the_part_number():
    titles = Titles(built_in_entries())
    assert titles.title_of(SkuId(SKU), "SPE_E3") == "Microsoft 365 E3"
    assert titles.title_of(SkuId("11111111-1111-1111-1111-111111111111"), "NEW_SKU") == "NEW_SKU"
