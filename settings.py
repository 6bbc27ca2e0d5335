"""Typed settings, read from a mapping; every error names the setting."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from errors import InvalidInput
from portals.model import CLOUDS, Cloud

CATALOGUE_URL = (
    "https://download.microsoft.com/download/e/3/e/e3e9faf2-f28b-490a-9ada-c6089a1fc5b0/"
    "Product%20names%20and%20service%20plan%20identifiers%20for%20licensing.csv"
)

_WHOLE = re.compile(r"-?[0-9]{1,9}")


class Settings(msgspec.Struct, frozen=True):
    """What the deployment decides. Times are in the unit that their name says."""

    storage_connection: str | None
    table_service_url: str | None
    queue_service_url: str | None
    key_vault_url: str | None
    key_vault_verify_challenge: bool
    clouds: dict[str, Cloud]
    catalogue_url: str
    over_licensed_tolerance: int
    expiry_warning_days: int
    removal_hold_percent: int
    full_enumeration_hours: int
    overdue_hours: int
    delta_minimum_contacts: int
    application_insights: str | None
    application_insights_signs_in: bool
    pseudonymous: bool
    import_time_budget_seconds: int
    lease_seconds: int
    graph_timeout_seconds: int
    graph_max_retries: int
    reclamation_validity_hours: int
    export_max_bytes: int
    public_url: str | None
    webhook_retry_seconds: int
    webhook_private_hosts: frozenset[str]
    storage_timeout_seconds: int
    product_used_days: int
    product_rarely_used_days: int

    def cloud(self, name: str) -> Cloud:
        """The cloud of that name. Raises InvalidInput listing those that the deployment knows."""
        known = self.clouds.get(name)
        if known is None:
            raise InvalidInput(
                "cloud",
                f"The deployment knows no cloud {name}.",
                remedy=f"Use one of {', '.join(self.clouds)}; the setting CLOUDS adds others.",
            )
        return known


class Access(enum.Enum):
    """How callers are told apart.

    KEYS: by function keys, and nothing sets X-MS-CLIENT-PRINCIPAL. IGNORED: by
    function keys, though the platform signs callers in as well. SIGN_IN: by the
    roles of whom the platform signed in.
    """

    KEYS = "keys"
    IGNORED = "ignored"
    SIGN_IN = "sign-in"


def read_access(environment: Mapping[str, str]) -> Access:
    """How the deployment tells callers apart.

    WEBSITE_AUTH_ENABLED is App Service's own word that its authentication
    stands in front of the app; only with it is sign-in believed.
    Raises InvalidInput where APP_SERVICE_AUTHENTICATION expects what is off.
    Source: https://learn.microsoft.com/azure/app-service/reference-app-settings
    """
    wanted = _flag(environment, "APP_SERVICE_AUTHENTICATION", False)
    on = environment.get("WEBSITE_AUTH_ENABLED", "").strip().lower() in ("true", "1")
    if wanted and not on:
        raise InvalidInput(
            "APP_SERVICE_AUTHENTICATION",
            "APP_SERVICE_AUTHENTICATION is true, but the platform's authentication is off.",
            remedy="Switch App Service Authentication on for the function app, or remove "
            "APP_SERVICE_AUTHENTICATION to guard it by function keys.",
        )
    if wanted:
        return Access.SIGN_IN
    return Access.IGNORED if on else Access.KEYS


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in `environment`.

    Storage follows the Functions host's own convention: `AzureWebJobsStorage`
    is a connection string, or `AzureWebJobsStorage__accountName` (or
    `__tableServiceUri` and `__queueServiceUri`) names an account that the
    managed identity may use.

    Raises InvalidInput with the setting as its field.
    """
    connection = environment.get("AzureWebJobsStorage") or None
    account = environment.get("AzureWebJobsStorage__accountName")
    table_url = environment.get("AzureWebJobsStorage__tableServiceUri")
    queue_url = environment.get("AzureWebJobsStorage__queueServiceUri")
    if account:
        table_url = table_url or f"https://{account}.table.core.windows.net"
        queue_url = queue_url or f"https://{account}.queue.core.windows.net"
    if not connection and not (table_url and queue_url):
        raise InvalidInput(
            "AzureWebJobsStorage",
            "No storage account is configured.",
            remedy="Set AzureWebJobsStorage, or AzureWebJobsStorage__accountName.",
        )
    return Settings(
        storage_connection=connection,
        table_service_url=table_url,
        queue_service_url=queue_url,
        key_vault_url=_url(environment, "KEY_VAULT_URL"),
        key_vault_verify_challenge=_flag(environment, "KEY_VAULT_VERIFY_CHALLENGE", True),
        clouds={**CLOUDS, **_clouds(environment)},
        catalogue_url=_url(environment, "CATALOGUE_URL") or CATALOGUE_URL,
        over_licensed_tolerance=_whole(environment, "OVER_LICENSED_TOLERANCE", 0, 0, 1_000_000),
        expiry_warning_days=_whole(environment, "EXPIRY_WARNING_DAYS", 30, 0, 3650),
        removal_hold_percent=_whole(environment, "REMOVAL_HOLD_PERCENT", 50, 1, 100),
        full_enumeration_hours=_whole(environment, "FULL_ENUMERATION_HOURS", 24, 0, 24 * 7),
        overdue_hours=_whole(environment, "OVERDUE_HOURS", 12, 1, 8760),
        delta_minimum_contacts=_whole(environment, "DELTA_MINIMUM_CONTACTS", 2000, 1, 100_000_000),
        pseudonymous=_flag(environment, "PSEUDONYMOUS", False),
        # the Functions host's own setting; which identity, AZURE_CLIENT_ID says
        application_insights_signs_in="Authorization=AAD"
        in environment.get("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", ""),
        application_insights=environment.get("APPLICATIONINSIGHTS_CONNECTION_STRING") or None,
        import_time_budget_seconds=_whole(
            environment, "IMPORT_TIME_BUDGET_SECONDS", 1500, 5, 86_400
        ),
        lease_seconds=_whole(environment, "LEASE_SECONDS", 60, 2, 3600),
        graph_timeout_seconds=_whole(environment, "GRAPH_TIMEOUT_SECONDS", 60, 1, 600),
        graph_max_retries=_whole(environment, "GRAPH_MAX_RETRIES", 5, 0, 20),
        public_url=_url(environment, "PUBLIC_URL"),
        webhook_retry_seconds=_whole(environment, "WEBHOOK_RETRY_SECONDS", 30, 1, 3600),
        webhook_private_hosts=_names(environment, "WEBHOOK_PRIVATE_HOSTS"),
        reclamation_validity_hours=_whole(environment, "RECLAMATION_VALIDITY_HOURS", 24, 1, 168),
        export_max_bytes=_whole(environment, "EXPORT_MAX_BYTES", 64_000_000, 10_000, 128_000_000),
        storage_timeout_seconds=_whole(environment, "STORAGE_TIMEOUT_SECONDS", 20, 1, 120),
        product_used_days=_whole(environment, "PRODUCT_USED_DAYS", 30, 1, 3650),
        product_rarely_used_days=_whole(environment, "PRODUCT_RARELY_USED_DAYS", 90, 1, 3650),
    )


def _url(environment: Mapping[str, str], name: str) -> str | None:
    text = environment.get(name)
    if not text:
        return None
    return _checked_url(text, name)


def _checked_url(text: str, name: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidInput(
            name, f"{name} is not an https address.", remedy=f"Set {name} to https://…"
        )
    return text.rstrip("/")


def _flag(environment: Mapping[str, str], name: str, default: bool) -> bool:
    text = environment.get(name, "").strip().lower()
    if not text:
        return default
    if text in ("true", "1"):
        return True
    if text in ("false", "0"):
        return False
    raise InvalidInput(name, f"{name} is neither true nor false.", remedy=f"Set {name} to true.")


def _whole(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    number = int(text) if _WHOLE.fullmatch(text) else None
    if number is None or not low <= number <= high:
        raise InvalidInput(
            name,
            f"{name} is not a whole number from {low} to {high}.",
            remedy=f"Correct {name}, or remove it for the default, {default}.",
        )
    return number


def _names(environment: Mapping[str, str], name: str) -> frozenset[str]:
    parts = environment.get(name, "").split(",")
    return frozenset(part.strip().lower() for part in parts if part.strip())


def _clouds(environment: Mapping[str, str]) -> dict[str, Cloud]:
    text = environment.get("CLOUDS")
    if not text:
        return {}
    try:
        clouds = msgspec.json.decode(text, type=list[Cloud])
    except msgspec.DecodeError as error:
        raise InvalidInput(
            "CLOUDS",
            f"CLOUDS cannot be read: {error}",
            remedy='Set CLOUDS to a JSON list of {"name", "login_url", "graph_url"}.',
        ) from error
    found: dict[str, Cloud] = {}
    for cloud in clouds:
        if cloud.name in CLOUDS:
            raise InvalidInput(
                "CLOUDS",
                f"CLOUDS redefines the built-in cloud {cloud.name}.",
                remedy="Give the cloud a name of its own.",
            )
        found[cloud.name] = msgspec.structs.replace(
            cloud,
            login_url=_checked_url(cloud.login_url, "CLOUDS.login_url"),
            graph_url=_checked_url(cloud.graph_url, "CLOUDS.graph_url"),
        )
    return found
