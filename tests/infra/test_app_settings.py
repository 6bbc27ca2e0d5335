"""What the code reads is what the template sets, and the other way round."""

import ast
import json
import re
from pathlib import Path

from portals.model import CLOUDS
from settings import read_settings
from tests.infra.bicep import INFRA, ROOT, parsed

MODULE = INFRA / "modules/function-app.bicep"
NOT_THE_APP = {"tests", "devhost", "simulator", "bench", "torture"}
# Read by others than this code.
READ_BY_THE_HOST = {
    "AzureWebJobsStorage__blobServiceUri": "the Functions host's locks and keys",
    "AzureWebJobsStorage__credential": "the Functions host",
    "AzureWebJobsStorage__clientId": "the Functions host",
    "AZURE_CLIENT_ID": "azure-identity",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "the Functions host",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID": "App Service Authentication",
}
# Read by this code, and nothing that the template has to say.
SET_BY_THE_PLATFORM = {"WEBSITE_AUTH_ENABLED"}
OTHER_WAYS = {
    "AzureWebJobsStorage": "a connection string, for local storage",
    "AzureWebJobsStorage__accountName": "the same account by its name; the template has addresses",
}


class Recording(dict[str, str]):
    """Settings that remember which of them were asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)


def read_by_the_code() -> set[str]:
    """What read_settings asks for, what triggers name, and what is taken from os.environ."""
    recording = Recording({"AzureWebJobsStorage": "UseDevelopmentStorage=true"})
    read_settings(recording)
    names = set(recording.asked)
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if parts[0] in NOT_THE_APP or parts[0].startswith("."):
            continue
        text = path.read_text()
        names |= set(re.findall(r'"%(\w+)%"', text))
        if path.name == "settings.py" or "environ" in text:
            names |= _asked_literally(text)
    return names


def _asked_literally(source: str) -> set[str]:
    """Names in `environment.get("X")`, `os.environ["X"]`, `_flag(environment, "X", …)`."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and "environ" in ast.unparse(node):
            candidates = node.args
        elif isinstance(node, ast.Subscript) and "environ" in ast.unparse(node.value):
            candidates = [node.slice]
        else:
            continue
        names |= {
            argument.value
            for argument in candidates
            if isinstance(argument, ast.Constant)
            and isinstance(argument.value, str)
            and re.fullmatch(r"[A-Z][A-Za-z]*(_+[A-Za-z]+)+|AzureWebJobsStorage", argument.value)
        }
    return names


def set_by_the_template() -> dict[str, object]:
    """The example's settings but those of a local host, and those of the deployment."""
    variables = parsed(MODULE)["variables"]
    example = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    local_only = variables["localOnly"]["value"]
    defaults = {name: value for name, value in example.items() if name not in local_only}
    return {**defaults, **variables["bindings"]["value"]}


def test_the_template_sets_every_setting_that_the_code_reads() -> None:
    expected = read_by_the_code() - SET_BY_THE_PLATFORM - set(OTHER_WAYS)
    assert {"KEY_VAULT_URL", "IMPORT_SCHEDULE", "LEASE_SECONDS"} <= expected
    assert expected - set(set_by_the_template()) == set()


def test_every_setting_of_the_template_is_read_by_the_code_or_the_host() -> None:
    read = read_by_the_code() | set(READ_BY_THE_HOST)
    assert set(set_by_the_template()) - read == set()


def test_no_setting_is_set_that_flex_consumption_refuses() -> None:
    """https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#considerations"""
    refused = {
        "FUNCTIONS_WORKER_RUNTIME",
        "FUNCTIONS_EXTENSION_VERSION",
        "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
        "WEBSITE_CONTENTSHARE",
        "WEBSITE_RUN_FROM_PACKAGE",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "ENABLE_ORYX_BUILD",
    }
    assert refused & set(set_by_the_template()) == set()


def test_no_property_of_the_site_is_set_that_flex_consumption_refuses() -> None:
    """https://github.com/microsoft/azure-pipelines-tasks/issues/21032, in some regions only."""
    properties = parsed(MODULE)["resources"]["app"]["config"]["properties"]
    refused = {
        "alwaysOn",
        "ftpsState",
        "functionAppScaleLimit",
        "functionsRuntimeScaleMonitoringEnabled",
        "linuxFxVersion",
        "netFrameworkVersion",
        "preWarmedInstanceCount",
        "pythonVersion",
        "use32BitWorkerProcess",
    }
    assert properties["siteConfig"].keys() & refused == set()
    assert properties["functionAppConfig"]["runtime"]["name"] == "python"


def test_the_settings_of_the_template_can_be_read() -> None:
    values = {
        name: value for name, value in set_by_the_template().items() if isinstance(value, str)
    }
    settings = read_settings(
        {
            **values,
            "KEY_VAULT_URL": "https://kv-ledger.vault.azure.net/",
            "APP_SERVICE_AUTHENTICATION": "True",
            "AzureWebJobsStorage__tableServiceUri": "https://st.table.core.windows.net/",
            "AzureWebJobsStorage__queueServiceUri": "https://st.queue.core.windows.net/",
        }
    )
    assert settings.storage_connection is None
    assert settings.clouds == CLOUDS
    assert Path(ROOT / "host.json").is_file()
