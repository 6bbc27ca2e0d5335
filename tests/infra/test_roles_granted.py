"""The app's identity gets the roles that its SDKs need, where they need them, and no others."""

import ast
import re

from tests.indexed import http_functions
from tests.infra.bicep import INFRA, ROOT, parsed

MODULE = INFRA / "modules/roles.bicep"
NOT_THE_APP = {"tests", "devhost", "simulator", "bench", "torture"}

# Package of an SDK → the least built-in role for what the code does with it, and where.
# Tables and queues are made by the app itself, so the role is on the account.
# Credentials are stored, disabled and deleted: Secrets User could only read them.
NEEDED_BY_SDK = {
    "azure.data.tables": ("Storage Table Data Contributor", "account"),
    "azure.storage.queue": ("Storage Queue Data Contributor", "account"),
    "azure.keyvault.secrets": ("Key Vault Secrets Officer", "vault"),
}
NEEDED_BY_HOST = {
    # the package, the locks of timers, the function keys
    ("Storage Blob Data Owner", "containers"),
    ("Monitoring Metrics Publisher", "component"),
}
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
BUILT_IN = {
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
AZURE_WITHOUT_DATA = {"azure.core", "azure.functions", "azure.identity"}


def data_sdks() -> set[str]:
    """The Azure SDKs that the app imports and that reach data."""
    found = set()
    for path in ROOT.rglob("*.py"):
        first = path.relative_to(ROOT).parts[0]
        if first in NOT_THE_APP or first.startswith("."):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found |= {name for name in names if name.split(".")[0] == "azure"}
    packages = {re.sub(r"\.(aio|_.*)(\..*)?$", "", name) for name in found}
    return {
        name
        for name in packages
        if not any(name == p or name.startswith(p + ".") for p in AZURE_WITHOUT_DATA)
        and not name.startswith("azure.monitor")
    }


def granted() -> set[tuple[str, str]]:
    """Role and scope of every assignment of the module."""
    grants = set()
    blocks = re.findall(
        r"roleAssignments@[\d-]+' = .*?\n  scope: (\w+).*?roleIds\['([^']+)'\]",
        MODULE.read_text(),
        re.DOTALL,
    )
    for scope, role in blocks:
        grants.add((role, scope))
    return grants


def test_roles_granted_equal_roles_needed() -> None:
    needed = {NEEDED_BY_SDK[sdk] for sdk in data_sdks()} | NEEDED_BY_HOST
    assert granted() == needed


def test_every_assignment_is_counted() -> None:
    resources = parsed(MODULE)["resources"].values()
    assignments = [r for r in resources if r["type"].endswith("/roleAssignments")]
    assert len(assignments) == len(granted())


def test_roles_are_assigned_in_one_place_only() -> None:
    for path in INFRA.rglob("*.bicep"):
        if path != MODULE:
            assert "roleAssignments@" not in path.read_text()


def test_role_ids_are_those_of_their_names() -> None:
    role_ids = parsed(MODULE)["variables"]["roleIds"]["value"]
    assert {name.strip("'"): role_id for name, role_id in role_ids.items()} == BUILT_IN


def test_blobs_are_open_to_the_app_in_the_hosts_containers_only() -> None:
    containers = parsed(INFRA / "modules/storage.bicep")["variables"]["containerNames"]["value"]
    assert containers == ["deploymentContainerName", "azure-webjobs-hosts", "azure-webjobs-secrets"]


def test_the_operations_page_names_every_role() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    for role, _ in granted():
        assert role in page, role


def test_the_registration_has_the_app_roles_that_the_api_asks_for() -> None:
    asked = set()
    for path in ROOT.glob("*/*.py"):
        if path.relative_to(ROOT).parts[0] not in NOT_THE_APP:
            asked |= set(re.findall(r'"(Ledger\.[A-Z]\w+)"', path.read_text()))
    roles = parsed(INFRA / "modules/entra-app.bicep")["variables"]["roles"]["value"]
    assert {role["value"] for role in roles} == asked


def test_sign_in_is_asked_for_everything_but_what_anyone_may_call() -> None:
    open_to_all = set()
    for described in http_functions().values():
        if str(described.get("authLevel")).endswith("ANONYMOUS"):
            open_to_all |= paths(f"/api/{described['route']}")
    properties = parsed(INFRA / "modules/authentication.bicep")["resources"]["authentication"][
        "config"
    ]["properties"]
    assert set(properties["globalValidation"]["excludedPaths"]) == open_to_all
    assert properties["globalValidation"]["requireAuthentication"] is True


def test_authentication_that_was_on_is_switched_off_by_the_same_parameter() -> None:
    main = parsed(INFRA / "main.bicep")
    deployed = main["modules"]["appAuthentication"]["config"]
    # a module under a condition would leave what an earlier deployment made
    assert deployed["params"]["enabled"] == "authentication"
    assert main["modules"]["functionApp"]["config"]["params"]["authentication"] == "authentication"
    properties = parsed(INFRA / "modules/authentication.bicep")["resources"]["authentication"][
        "config"
    ]["properties"]
    assert properties["platform"]["enabled"] == "enabled"


def paths(route: str) -> set[str]:
    """A route as App Service writes it: a rest of any length is the folder and all in it."""
    folder, rest, _ = route.partition("/{*")
    return {folder, f"{folder}/*"} if rest else {route}
