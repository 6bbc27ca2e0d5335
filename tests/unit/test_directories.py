"""Directories of products: paths, and their tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import InvalidInput
from imports.reconcile import default_directory
from ledger.service import DirectoryNode, checked_directory, directory_tree
from portals.model import checked_name

segments = st.text("abAB é.", min_size=1, max_size=3).filter(lambda s: s.strip(" .") != "")
directories = st.lists(segments, min_size=1, max_size=4).map("/".join).map(checked_directory)


def flattened(nodes: tuple[DirectoryNode, ...]) -> list[DirectoryNode]:
    """The nodes and all below them."""
    return [each for node in nodes for each in (node, *flattened(node.directories))]


def test_the_tree_counts_products_here_and_below():
    (root,) = directory_tree({"M/A": 2, "M/A/B": 1, "M": 3})
    assert (root.path, root.products, root.total) == ("M", 3, 6)
    (below,) = root.directories
    assert (below.path, below.products, below.total) == ("M/A", 2, 3)


def test_directories_stand_in_the_order_of_their_names_whatever_their_case():
    tree = directory_tree({"b": 1, "C": 1, "a": 1})
    assert [node.name for node in tree] == ["a", "b", "C"]


def test_without_products_there_is_no_tree():
    assert directory_tree({}) == ()


@given(st.dictionaries(directories, st.integers(1, 100), max_size=12))
def test_the_tree_loses_no_product_and_invents_no_directory(counts):
    tree = directory_tree(counts)
    nodes = flattened(tree)
    assert sum(node.total for node in tree) == sum(counts.values())
    assert {node.path: node.products for node in nodes if node.products} == counts
    assert len({node.path for node in nodes}) == len(nodes)
    for node in nodes:
        assert node.total == node.products + sum(child.total for child in node.directories)
        assert node.path.split("/")[-1] == node.name


@given(st.dictionaries(directories, st.integers(1, 100), max_size=12), st.randoms())
def test_the_tree_is_the_same_in_whatever_order_directories_come(counts, random):
    shuffled = list(counts.items())
    random.shuffle(shuffled)
    assert directory_tree(dict(shuffled)) == directory_tree(counts)


def test_a_directorys_segments_are_trimmed():
    assert checked_directory(" Software / Visio ") == "Software/Visio"


@pytest.mark.parametrize(
    "directory",
    ["", " ", "/", "a//b", "/a", "a/", "a/ /b", "..", "a/../b", "a/.", "a\\b", "a\nb", "x" * 256],
)
def test_what_is_no_path_is_refused(directory):
    with pytest.raises(InvalidInput) as refused:
        checked_directory(directory)
    assert refused.value.field == "directory"


@given(st.text(max_size=300))
def test_a_directory_once_checked_passes_again_unchanged(text):
    try:
        directory = checked_directory(text)
    except InvalidInput:
        return
    assert checked_directory(directory) == directory
    assert len(directory) <= 255


@given(st.text("ab. é", max_size=100) | st.text(max_size=100))
def test_every_portals_own_directory_is_one_that_an_admin_may_choose(name):
    try:
        directory = default_directory(checked_name(name))
    except InvalidInput:
        return
    assert checked_directory(directory) == directory
