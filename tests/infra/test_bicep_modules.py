"""The Bicep modules parse, and fit together; no compiler can be had where this runs."""

import json
import re
from pathlib import Path

import pytest

from tests.infra.bicep import INFRA, MODULES, declared, parsed, required, uses
from tests.infra.bicep import without_comments_and_text as code

MAIN = INFRA / "main.bicep"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_module_parses_and_no_declaration_is_lost(module: Path) -> None:
    tree, names = parsed(module), declared(module)
    for keyword, kind in (
        ("param", "parameters"),
        ("var", "variables"),
        ("resource", "resources"),
        ("module", "modules"),
        ("output", "outputs"),
    ):
        assert set(tree.get(kind, {})) == set(names[keyword])


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_parameter_is_explained_and_used(module: Path) -> None:
    for name, parameter in parsed(module).get("parameters", {}).items():
        kinds = {decorator["type"] for decorator in parameter["decorators"]}
        assert "description" in kinds, f"{name} has no description"
    for keyword in ("param", "var"):
        for name in declared(module)[keyword]:
            assert len(re.findall(rf"\b{name}\b", code(module))) > 1, f"{name} is not used"


def test_main_calls_every_module_with_the_parameters_that_it_has() -> None:
    called = set()
    for name, path, given in uses(MAIN):
        called.add(path)
        assert given <= set(declared(path)["param"]), name
        assert required(path) <= given, name
    assert called == set(MODULES) - {MAIN}


def test_every_output_that_main_reads_is_one_of_that_module() -> None:
    files = {name: path for name, path, _ in uses(MAIN)}
    read = re.findall(r"\b(\w+)!?\.outputs\.(\w+)", MAIN.read_text())
    assert read
    for name, output in read:
        assert output in declared(files[name])["output"], f"{name}.{output}"


def test_modules_may_be_called_again_without_harm() -> None:
    """Names are the same each time; only the budget's first month looks at the clock."""
    for module in MODULES:
        assert "newGuid(" not in module.read_text()
        if module != MAIN:
            assert "utcNow(" not in module.read_text()
    assert re.findall(r"^.*utcNow\(.*$", MAIN.read_text(), re.MULTILINE) == [
        "param currentMonth string = utcNow('yyyy-MM')"
    ]
    assert "output BUDGET_START string = firstOfMonth" in MAIN.read_text()


def test_azd_gives_every_parameter_of_main_but_the_clock() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    assert set(given) == set(declared(MAIN)["param"]) - {"currentMonth"}
    for name, parameter in parsed(MAIN)["parameters"].items():
        text = given.get(name, {}).get("value")
        match = re.fullmatch(r"\$\{\w+=(.*)\}", text) if isinstance(text, str) else None
        if match:
            default = parameter["default"]
            expected = json.dumps(default) if not isinstance(default, str) else default
            assert match[1] == expected, name


def test_files_that_modules_load_exist() -> None:
    for module in MODULES:
        for name in re.findall(r"load(?:Text|Json)Content\('([^']+)'\)", module.read_text()):
            assert (module.parent / name).is_file(), name


def test_the_code_is_deployed_to_the_app_that_azd_looks_for() -> None:
    manifest = (INFRA.parent / "azure.yaml").read_text()
    assert re.search(r"services:\n  api:\n", manifest)
    tags = parsed(INFRA / "modules/function-app.bicep")["resources"]["app"]["config"]["tags"]
    assert "'azd-service-name': 'api'" in (INFRA / "modules/function-app.bicep").read_text()
    assert tags


def test_secrets_are_neither_parameters_nor_outputs() -> None:
    for module in MODULES:
        text = module.read_text()
        assert "listKeys(" not in text
        assert "getSecret(" not in text
        assert "@secure()" not in text


def test_what_is_deleted_can_be_taken_back_and_is_logged() -> None:
    resources = parsed(INFRA / "modules/key-vault.bicep")["resources"]
    vault = resources["vault"]["config"]["properties"]
    assert vault["enableSoftDelete"] is True
    assert vault["enablePurgeProtection"] is True
    assert vault["softDeleteRetentionInDays"] == 90
    logs = resources["diagnostics"]["config"]["properties"]["logs"]
    assert {"category": "AuditEvent", "enabled": True} in logs


def test_a_private_network_closes_storage_and_vault() -> None:
    modules = parsed(INFRA / "main.bicep")["modules"]
    for name, resource in (("storage", "account"), ("keyVault", "vault")):
        asked = str(modules[name]["config"]["params"]["publicNetworkAccess"])
        assert "privateNetwork" in asked
        assert asked.index("Disabled") < asked.index("Enabled")
        module = (INFRA / "modules" / modules[name]["detail"]["path"].split("/")[1]).read_text()
        assert "publicNetworkAccess: publicNetworkAccess\n" in module
        assert "publicNetworkAccess == 'Enabled' ? 'Allow' : 'Deny'" in module
        assert resource in parsed(INFRA / modules[name]["detail"]["path"])["resources"]
    endpoints = parsed(INFRA / "modules/private-endpoints.bicep")["variables"]["services"]["value"]
    assert {endpoint["group"] for endpoint in endpoints} == {"blob", "queue", "table", "vault"}


def undeclared(path: Path) -> set[str]:
    """Names that are used in a module's expressions and that nothing in it declares."""
    text = code(path)
    # descriptions of many lines, decorators' arguments, and what introduces a declaration
    text = re.sub(r"(?m)^(param|var|output) (\w+)( \w+)?", r"", text)
    text = re.sub(r"(?m)^(resource|module) \w+", "", text)
    text = re.sub(r"(?m)^(targetScope|extension) .*$", "", text)
    loops = set(re.findall(r"\bfor (\w+) in\b", text))
    for pair in re.findall(r"\bfor \((\w+), (\w+)\) in\b", text):
        loops |= set(pair)
    lambdas = set(re.findall(r"\b(\w+) =>", text))
    # a name alone: no property, no key, no function, no decorator
    used = set(re.findall(r"(?<![\w.@])([A-Za-z_]\w*)\b(?!\s*[:(])(?!\s*=>)", text))
    used |= set(re.findall(r"\? ([A-Za-z_]\w*) :", text))
    names = {name for listed in declared(path).values() for name in listed}
    words = {"true", "false", "null", "if", "for", "in", "existing", "string", "int", "bool"}
    return used - names - loops - lambdas - words - {"object", "array"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_name_is_declared(module: Path) -> None:
    assert undeclared(module) == set()


def test_a_misspelt_name_is_seen(tmp_path: Path) -> None:
    module = tmp_path / "x.bicep"
    module.write_text("param location string\nvar where = locaton\noutput o string = '${wher}'\n")
    assert undeclared(module) == {"locaton", "wher"}
