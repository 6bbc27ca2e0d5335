"""Settings, continuations, directories and the state of parent runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import InvalidInput
from ledger.service import checked_directory, directory_tree
from monitor.run import created_at, new_run_id
from monitor.service import state_of_children
from settings import read_settings
from tests.builders import NOW
from web.continuation import binding_of, decode_continuation, encode_continuation

STORAGE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}


@pytest.mark.parametrize(
    ("environment", "field"),
    [
        ({}, "AzureWebJobsStorage"),
        ({**STORAGE, "KEY_VAULT_URL": "http://vault"}, "KEY_VAULT_URL"),
        ({**STORAGE, "EXPIRY_WARNING_DAYS": "soon"}, "EXPIRY_WARNING_DAYS"),
        ({**STORAGE, "REMOVAL_HOLD_PERCENT": "0"}, "REMOVAL_HOLD_PERCENT"),
        ({**STORAGE, "KEY_VAULT_VERIFY_CHALLENGE": "maybe"}, "KEY_VAULT_VERIFY_CHALLENGE"),
        ({**STORAGE, "CLOUDS": "x"}, "CLOUDS"),
        (
            {**STORAGE, "CLOUDS": '[{"name":"AzurePublic","login_url":"x","graph_url":"x"}]'},
            "CLOUDS",
        ),
    ],
)
def test_a_wrong_setting_is_named(environment, field):
    with pytest.raises(InvalidInput) as refused:
        read_settings(environment)
    assert refused.value.field == field
    assert refused.value.remedy


def test_an_account_name_stands_for_its_services():
    settings = read_settings({"AzureWebJobsStorage__accountName": "ledger"})
    assert settings.table_service_url == "https://ledger.table.core.windows.net"
    assert settings.queue_service_url == "https://ledger.queue.core.windows.net"
    assert settings.cloud("AzureChina").graph_url == "https://microsoftgraph.chinacloudapi.cn"
    with pytest.raises(InvalidInput, match="knows no cloud"):
        settings.cloud("AzureGermany")


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=200))
def test_a_continuation_survives_and_serves_its_own_list_only(operation, filters, position):
    binding = binding_of(operation, filters)
    token = encode_continuation(binding, position)
    assert decode_continuation(binding, token) == position
    with pytest.raises(InvalidInput):
        decode_continuation(binding_of(operation, filters + "x"), token)


@given(st.text(max_size=100))
def test_any_text_is_a_continuation_or_refused(token):
    with pytest.raises(InvalidInput):
        decode_continuation("binding", token)


def test_the_tree_counts_products_here_and_below():
    (root,) = directory_tree({"M/A": 2, "M/A/B": 1, "M": 3})
    assert (root.path, root.products, root.total) == ("M", 3, 6)
    (below,) = root.directories
    assert (below.path, below.products, below.total) == ("M/A", 2, 3)


def test_a_directorys_segments_are_trimmed():
    assert checked_directory(" Software / Visio ") == "Software/Visio"


@pytest.mark.parametrize(
    ("states", "count", "expected"),
    [
        ([], 2, "Queued"),
        (["Queued", "Queued"], 2, "Queued"),
        (["Running", "Queued"], 2, "Running"),
        (["Succeeded"], 2, "Running"),
        (["Succeeded", "Succeeded"], 2, "Succeeded"),
        (["Failed", "Failed"], 2, "Failed"),
        (["Failed", "Succeeded"], 2, "PartiallySucceeded"),
        (["PartiallySucceeded"], 1, "PartiallySucceeded"),
    ],
)
def test_a_parents_state_follows_its_children(states, count, expected):
    assert state_of_children(states, count) == expected


def test_a_run_id_tells_when_it_was_made():
    assert created_at(new_run_id(NOW)) == NOW
    assert len({new_run_id(NOW) for _ in range(100)}) == 100
