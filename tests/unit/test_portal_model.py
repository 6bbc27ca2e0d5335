"""Names and clouds of portals."""

from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import InvalidInput
from portals.model import CLOUDS, ConnectionTest, Portal, checked_name
from tests.builders import make_portal


@pytest.mark.parametrize("name", ["Contoso", " Contoso ", "Zoë 🦊 & Co.", "50 %", "...", "x" * 100])
def test_printable_names_are_taken_without_blanks_at_their_ends(name):
    assert checked_name(name) == name.strip()


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "a/b", "a\\b", "a#b", "a?b", "a\x00b", "a\u200eb", "\ud800", "x" * 101],
)
def test_names_that_cannot_be_keys_or_directories_are_refused(name):
    with pytest.raises(InvalidInput) as refused:
        checked_name(name)
    assert refused.value.field == "name"
    assert refused.value.remedy


def test_the_field_is_named_as_the_caller_calls_it():
    with pytest.raises(InvalidInput) as refused:
        checked_name("", field="portal.name")
    assert refused.value.field == "portal.name"


def test_what_is_not_allowed_is_shown_even_if_it_cannot_be_printed():
    with pytest.raises(InvalidInput, match=r": U\+0007 #$"):
        checked_name("a#b\x07c#")


@given(st.text(max_size=120))
def test_a_name_once_checked_passes_again_unchanged(text):
    try:
        name = checked_name(text)
    except InvalidInput:
        return
    assert checked_name(name) == name
    assert 1 <= len(name) <= 100
    assert name.isprintable()
    assert not set(name) & set("/\\#?")


def test_every_cloud_has_a_sign_in_service_and_a_graph_of_its_own():
    assert set(CLOUDS) == {"AzurePublic", "AzureUSGovernment", "AzureUSGovernmentDoD", "AzureChina"}
    assert len({cloud.graph_url for cloud in CLOUDS.values()}) == len(CLOUDS)
    for name, cloud in CLOUDS.items():
        assert cloud.name == name
        for url in (cloud.login_url, cloud.graph_url):
            parts = urlsplit(url)
            # paths are appended, so there is none yet
            assert (parts.scheme, parts.path, parts.query) == ("https", "", "")


def test_a_portal_survives_being_written_and_read():
    portal = make_portal()
    assert msgspec.json.decode(msgspec.json.encode(portal), type=Portal) == portal


def test_a_new_portal_was_never_tested():
    assert make_portal().last_test == ConnectionTest("never", None, (), None)
