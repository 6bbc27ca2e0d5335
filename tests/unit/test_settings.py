"""Settings are typed, and every error names the setting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import InvalidInput
from portals.model import CLOUDS
from settings import CATALOGUE_URL, read_settings

STORAGE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
NUMBERS = (
    "OVER_LICENSED_TOLERANCE",
    "EXPIRY_WARNING_DAYS",
    "REMOVAL_HOLD_PERCENT",
    "FULL_ENUMERATION_HOURS",
    "OVERDUE_HOURS",
    "DELTA_MINIMUM_CONTACTS",
    "IMPORT_TIME_BUDGET_SECONDS",
    "LEASE_SECONDS",
    "GRAPH_TIMEOUT_SECONDS",
    "GRAPH_MAX_RETRIES",
    "STORAGE_TIMEOUT_SECONDS",
    "PRODUCT_USED_DAYS",
    "PRODUCT_RARELY_USED_DAYS",
)
OTHERS = ("KEY_VAULT_URL", "KEY_VAULT_VERIFY_CHALLENGE", "CATALOGUE_URL", "CLOUDS")


def refusal(environment: dict[str, str]) -> InvalidInput | None:
    """Why the settings are refused, if they are."""
    try:
        read_settings(environment)
    except InvalidInput as error:
        return error
    return None


@pytest.mark.parametrize(
    ("environment", "field"),
    [
        ({}, "AzureWebJobsStorage"),
        ({"AzureWebJobsStorage__tableServiceUri": "https://t"}, "AzureWebJobsStorage"),
        ({**STORAGE, "KEY_VAULT_URL": "http://vault"}, "KEY_VAULT_URL"),
        ({**STORAGE, "KEY_VAULT_URL": "https://["}, "KEY_VAULT_URL"),
        ({**STORAGE, "CATALOGUE_URL": "https://host:99999/list.csv"}, "CATALOGUE_URL"),
        ({**STORAGE, "EXPIRY_WARNING_DAYS": "soon"}, "EXPIRY_WARNING_DAYS"),
        ({**STORAGE, "EXPIRY_WARNING_DAYS": "--5"}, "EXPIRY_WARNING_DAYS"),
        ({**STORAGE, "EXPIRY_WARNING_DAYS": "9" * 5000}, "EXPIRY_WARNING_DAYS"),
        ({**STORAGE, "EXPIRY_WARNING_DAYS": "-1"}, "EXPIRY_WARNING_DAYS"),
        ({**STORAGE, "REMOVAL_HOLD_PERCENT": "0"}, "REMOVAL_HOLD_PERCENT"),
        ({**STORAGE, "KEY_VAULT_VERIFY_CHALLENGE": "maybe"}, "KEY_VAULT_VERIFY_CHALLENGE"),
        ({**STORAGE, "CLOUDS": "x"}, "CLOUDS"),
        ({**STORAGE, "CLOUDS": "{}"}, "CLOUDS"),
        (
            {**STORAGE, "CLOUDS": '[{"name":"AzurePublic","login_url":"x","graph_url":"x"}]'},
            "CLOUDS",
        ),
        (
            {**STORAGE, "CLOUDS": '[{"name":"Mine","login_url":"https://a","graph_url":"b"}]'},
            "CLOUDS.graph_url",
        ),
    ],
)
def test_a_wrong_setting_is_named(environment, field):
    with pytest.raises(InvalidInput) as refused:
        read_settings(environment)
    assert refused.value.field == field
    assert refused.value.remedy


@given(st.sampled_from(NUMBERS + OTHERS), st.text(max_size=30))
def test_any_text_is_a_setting_or_refused_by_name(name, text):
    error = refusal({**STORAGE, name: text})
    if error is not None:
        assert error.field.split(".")[0] == name
        assert name in error.remedy


def test_what_is_not_set_has_its_default():
    settings = read_settings(STORAGE)
    assert settings.key_vault_url is None
    assert settings.key_vault_verify_challenge
    assert settings.catalogue_url == CATALOGUE_URL
    assert settings.over_licensed_tolerance == 0
    assert settings.expiry_warning_days == 30
    assert settings.clouds == CLOUDS
    assert read_settings({**STORAGE, "EXPIRY_WARNING_DAYS": " "}) == settings


def test_numbers_flags_and_addresses_are_read():
    settings = read_settings(
        {
            **STORAGE,
            "EXPIRY_WARNING_DAYS": " 60 ",
            "KEY_VAULT_VERIFY_CHALLENGE": "False",
            "KEY_VAULT_URL": "https://ledger.vault.azure.net/",
        }
    )
    assert settings.expiry_warning_days == 60
    assert not settings.key_vault_verify_challenge
    assert settings.key_vault_url == "https://ledger.vault.azure.net"


def test_an_account_name_stands_for_its_services():
    settings = read_settings({"AzureWebJobsStorage__accountName": "ledger"})
    assert settings.table_service_url == "https://ledger.table.core.windows.net"
    assert settings.queue_service_url == "https://ledger.queue.core.windows.net"
    assert settings.storage_connection is None


def test_an_address_of_a_service_outweighs_the_account_name():
    settings = read_settings(
        {
            "AzureWebJobsStorage__accountName": "ledger",
            "AzureWebJobsStorage__tableServiceUri": "https://ledger.table.core.chinacloudapi.cn",
        }
    )
    assert settings.table_service_url == "https://ledger.table.core.chinacloudapi.cn"
    assert settings.queue_service_url == "https://ledger.queue.core.windows.net"


def test_a_deployment_adds_clouds_and_keeps_the_built_in_ones():
    text = '[{"name":"Mine","login_url":"https://login.test/","graph_url":"https://graph.test/"}]'
    settings = read_settings({**STORAGE, "CLOUDS": text})
    assert set(settings.clouds) == {*CLOUDS, "Mine"}
    # paths are appended to these, so a slash at the end would be doubled
    assert settings.cloud("Mine").login_url == "https://login.test"
    assert settings.cloud("Mine").graph_url == "https://graph.test"


def test_an_unknown_cloud_is_refused_with_those_that_are_known():
    settings = read_settings(STORAGE)
    assert settings.cloud("AzureChina").graph_url == "https://microsoftgraph.chinacloudapi.cn"
    with pytest.raises(InvalidInput, match="knows no cloud") as refused:
        settings.cloud("AzureGermany")
    assert all(name in refused.value.remedy for name in CLOUDS)
