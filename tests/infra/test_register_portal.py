"""The script for a portal's registration grants what the code needs, and prints what the API takes.

Azure CLI is stood in for by a script that writes down what it was asked: what is tested is
ours, the permissions, the certificate, and the body.
"""

import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from graph.permissions import GraphTask, needs_of
from portals.contract import CreatePortalRequest, UpdatePortalRequest
from tests.infra.bicep import INFRA, ROOT

SCRIPT = INFRA / "scripts/register-portal.sh"
TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"

AZ = f"""#!/bin/sh
printf '%s\\n' "$*" >>"$AZ_LOG"
case "$*" in
*"--query tenantId"*) echo {TENANT} ;;
*endpoints.microsoftGraphResourceId*) echo https://graph.microsoft.com/ ;;
"cloud show --query name"*) echo AzureCloud ;;
"ad app create"*) echo {CLIENT} ;;
*--query\\ password*) echo s3cret~value ;;
*endDateTime*) echo 2027-06-30T00:00:00Z ;;
*) echo 33333333-3333-4333-8333-333333333333 ;;
esac
"""


@pytest.fixture
def run(tmp_path: Path):
    """Runs the script; what Azure CLI was asked is in `az.log` of the returned folder."""
    az = tmp_path / "bin/az"
    az.parent.mkdir()
    az.write_text(AZ)
    az.chmod(az.stat().st_mode | stat.S_IXUSR)

    def _run(*arguments: str) -> tuple[subprocess.CompletedProcess[str], str]:
        done = subprocess.run(
            ["sh", SCRIPT, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={
                **os.environ,
                "PATH": f"{az.parent}:{os.environ['PATH']}",
                "AZ_LOG": str(tmp_path / "az.log"),
                "TMPDIR": str(tmp_path),
            },
        )
        log = tmp_path / "az.log"
        return done, log.read_text() if log.exists() else ""

    return _run


@pytest.mark.parametrize("task", get_args(GraphTask))
def test_the_script_grants_what_a_task_needs(task) -> None:
    text = SCRIPT.read_text()
    for kind, optional in (("required", False), ("optional", True)):
        listed = re.search(rf'^{kind}_{task}="([^"]*)"$', text, re.MULTILINE)
        assert listed, f"the script does not know {kind} permissions of {task}"
        needed = {need.permission for need in needs_of([task]) if need.optional is optional}
        assert set(listed[1].split()) == needed
    case = f"    {task}) needed=$required_{task} extra=$optional_{task} ;;\n"
    assert case in text


def test_the_operations_page_names_every_permission() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    for need in needs_of(get_args(GraphTask)):
        assert f"| {need.permission} |" in page


def test_with_a_certificate_the_printed_body_creates_a_portal(run, tmp_path: Path) -> None:
    done, log = run("--name", 'Contoso "O\'Hara"')
    assert done.returncode == 0, done.stderr
    request = CreatePortalRequest.model_validate_json(done.stdout)
    assert request.name == 'Contoso "O\'Hara"'
    assert str(request.tenant_id) == TENANT
    assert request.credential.kind == "certificate"
    assert "PRIVATE KEY" not in log + done.stderr
    assert "appRoleAssignments" in log
    left = [path for path in tmp_path.rglob("*") if path.suffix == ".pem"]
    assert left == []


def test_with_a_secret_the_printed_body_creates_a_portal_that_knows_its_expiry(run) -> None:
    done, log = run("--name", "Contoso", "--secret", "--tasks", "import,reclamation,sign_ins")
    assert done.returncode == 0, done.stderr
    request = CreatePortalRequest.model_validate_json(done.stdout)
    assert request.credential.kind == "clientSecret"
    assert request.credential.expires_at is not None
    assert request.reclamation_allowed
    assert "s3cret~value" not in done.stderr
    assert request.tasks == ["sign_ins"]
    # reclamation and sign-ins share a permission, which is granted once
    needs = needs_of(["import", "reclamation", "sign_ins"])
    assert log.count("appRoleAssignments") == len(needs)


def test_a_new_credential_for_a_registration_is_a_change_of_the_portal(run) -> None:
    done, log = run("--app", CLIENT)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"credential"}
    UpdatePortalRequest.model_validate_json(done.stdout)
    assert "ad app create" not in log
    assert "--append" in log


def test_required_only_leaves_optional_permissions_out(run) -> None:
    _, log = run("--name", "Contoso", "--required-only")
    required = [need for need in needs_of(["import"]) if not need.optional]
    assert log.count("appRoleAssignments") == len(required)


@pytest.mark.parametrize(
    "arguments",
    [(), ("--name",), ("--name", "x", "--years", "-1"), ("--name", "x", "--tasks", "y")],
)
def test_what_the_script_does_not_understand_ends_it_early(run, arguments) -> None:
    done, log = run(*arguments)
    assert done.returncode == 2
    assert "Usage" in done.stderr
    assert log == ""
