"""Pages of items that give several rows each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import InvalidInput
from usage.cut import ReadPage, cut_page


def reader(items: list[list[int]]) -> ReadPage[int]:
    """Reads pages of items, each of which gives its rows."""

    async def read(size: int, at: str | None) -> tuple[list[int], str | None]:
        start = int(at or 0)
        rows = [row for item in items[start : start + size] for row in item]
        return rows, str(start + size) if start + size < len(items) else None

    return read


@given(st.lists(st.lists(st.integers(), max_size=4), max_size=12), st.integers(1, 5))
async def test_every_row_comes_once_and_no_page_is_too_long(items: list[list[int]], top: int):
    found: list[int] = []
    continuation: str | None = None
    while True:
        page, continuation = await cut_page(reader(items), top=top, continuation=continuation)
        assert len(page) <= top
        found += page
        if continuation is None:
            break
    assert found == [row for item in items for row in item]


async def test_another_size_on_the_way_skips_and_repeats_nothing():
    items = [[1, 2, 3], [4], [5, 6], [7, 8, 9]]
    first, place = await cut_page(reader(items), top=2, continuation=None)
    second, place = await cut_page(reader(items), top=1, continuation=place)
    rest, place = await cut_page(reader(items), top=9, continuation=place)
    last, place = await cut_page(reader(items), top=9, continuation=place)
    assert [*first, *second, *rest, *last] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert place is None


@pytest.mark.parametrize("continuation", ["", "x", "[null,-1,5]", "[null,0,0]", "{}"])
async def test_a_position_from_elsewhere_is_refused(continuation: str):
    with pytest.raises(InvalidInput):
        await cut_page(reader([[1]]), top=1, continuation=continuation)
