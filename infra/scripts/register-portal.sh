#!/bin/sh
# Registers in a tenant the application that Ledger365 reads it with, and prints the body with which the
# portal is created (POST /api/portals), or, with --app, the one that changes its credential (PATCH).
# Whoever runs it is signed in to that tenant (az login --tenant …) as Application Administrator and
# Privileged Role Administrator, or Global Administrator.
set -eu

usage() {
    cat >&2 <<'END'
Usage: register-portal.sh --name NAME [options] > portal.json

  --name NAME          of the portal, and of the app registration: "Ledger365 NAME"
  --secret             a client secret instead of a certificate
  --years N            how long the credential is valid; 1 unless given
  --tasks LIST         what the portal is to do, separated by commas: import, roster, access, sign_ins, devices,
                       reclamation; import unless given
  --required-only      without the permissions that only add detail
  --app CLIENT_ID      a new credential for that registration; the one it has stays until you remove it

The output holds the credential. Send it where it belongs without keeping it:
  infra/scripts/register-portal.sh --name Contoso | ledger "$API/portals" -d @-
END
    exit 2
}

# Application permissions of Microsoft Graph for each task; docs/operations.md says what for.
required_import="Organization.Read.All User.Read.All"
optional_import="GroupMember.Read.All Place.Read.All"
required_reclamation="LicenseAssignment.ReadWrite.All"
optional_reclamation="AuditLog.Read.All"
required_roster=""
optional_roster="Reports.Read.All ReportSettings.Read.All"
required_access=""
optional_access="Reports.Read.All"
required_sign_ins=""
optional_sign_ins="AuditLog.Read.All"
required_devices=""
optional_devices="DeviceManagementManagedDevices.Read.All Device.Read.All"

name="" kind=certificate years=1 tasks=import optional=yes app=""
while [ $# -gt 0 ]; do
    case $1 in
    --name | --years | --tasks | --app) [ $# -ge 2 ] || usage ;;
    esac
    case $1 in
    --name) name=$2 && shift 2 ;;
    --secret) kind=secret && shift ;;
    --years) years=$2 && shift 2 ;;
    --tasks) tasks=$2 && shift 2 ;;
    --required-only) optional=no && shift ;;
    --app) app=$2 && shift 2 ;;
    *) usage ;;
    esac
done
[ -n "$name" ] || [ -n "$app" ] || usage
case $years in '' | *[!0-9]* | 0*) usage ;; esac

permissions=""
for task in $(echo "$tasks" | tr ',' ' '); do
    case $task in
    import) needed=$required_import extra=$optional_import ;;
    reclamation) needed=$required_reclamation extra=$optional_reclamation ;;
    roster) needed=$required_roster extra=$optional_roster ;;
    access) needed=$required_access extra=$optional_access ;;
    sign_ins) needed=$required_sign_ins extra=$optional_sign_ins ;;
    devices) needed=$required_devices extra=$optional_devices ;;
    *) usage ;;
    esac
    [ $optional = yes ] || extra=""
    for permission in $needed $extra; do
        case " $permissions " in
        *" $permission "*) ;;
        *) permissions="$permissions $permission" ;;
        esac
    done
done

for tool in az openssl python3; do
    command -v $tool >/dev/null || { echo "$tool is needed." >&2; exit 1; }
done
say() { echo "$*" >&2; }

# What has just been made is not everywhere at once.
patiently() {
    for seconds in 2 4 8 16 30; do
        "$@" 2>/dev/null && return
        sleep $seconds
    done
    "$@"
}

tenant=$(az account show --query tenantId --output tsv)
graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
graph=${graph%/}
cloud=$(az cloud show --query name --output tsv)
case $cloud in
AzureCloud) cloud=AzurePublic ;;
AzureChinaCloud) cloud=AzureChina ;;
AzureUSGovernment) ;;
*) say "Ledger365 knows no cloud $cloud by itself; the app setting CLOUDS has to name it." ;;
esac

graph_app=00000003-0000-0000-c000-000000000000
role_id() {
    az ad sp show --id $graph_app --output tsv \
        --query "appRoles[?value=='$1' && contains(allowedMemberTypes, 'Application')].id | [0]"
}

if [ -z "$app" ]; then
    say "Registering Ledger365 $name in tenant $tenant …"
    app=$(az ad app create --display-name "Ledger365 $name" --sign-in-audience AzureADMyOrg \
        --query appId --output tsv)
    principal=$(patiently az ad sp create --id "$app" --query id --output tsv)
    graph_principal=$(az ad sp show --id $graph_app --query id --output tsv)
    for permission in $permissions; do
        say "Granting $permission …"
        role=$(role_id "$permission")
        az ad app permission add --id "$app" --api $graph_app --api-permissions "$role=Role" \
            --only-show-errors >&2
        # admin consent for this one permission
        patiently az rest --method POST --only-show-errors --output none \
            --url "$graph/v1.0/servicePrincipals/$principal/appRoleAssignments" \
            --body "{\"principalId\":\"$principal\",\"resourceId\":\"$graph_principal\",\"appRoleId\":\"$role\"}" >/dev/null
    done
    new=yes
else
    new=no
fi

umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

if [ $kind = certificate ]; then
    say "Adding a certificate …"
    openssl req -x509 -newkey rsa:3072 -sha256 -nodes -days $((years * 365)) \
        -subj "/CN=Ledger365 $app" -keyout "$scratch/key.pem" -out "$scratch/certificate.pem" 2>/dev/null
    patiently az ad app credential reset --id "$app" --append --only-show-errors --output none \
        --cert "@$scratch/certificate.pem" >/dev/null
else
    say "Adding a client secret …"
    patiently az ad app credential reset --id "$app" --append --only-show-errors \
        --display-name Ledger365 --years "$years" --query password --output tsv >"$scratch/secret"
    az ad app credential list --id "$app" --only-show-errors \
        --query "max_by(@, &endDateTime).endDateTime" --output tsv >"$scratch/expiry"
fi

NAME=$name TENANT=$tenant APP=$app CLOUD=$cloud NEW=$new KIND=$kind SCRATCH=$scratch \
    TASKS=$tasks python3 - <<'END'
import json, os, pathlib

given = os.environ
scratch = pathlib.Path(given["SCRATCH"])


def read(name):
    return (scratch / name).read_text().strip()


if given["KIND"] == "certificate":
    credential = {
        "kind": "certificate",
        "certificate": read("certificate.pem"),
        "privateKey": read("key.pem"),
    }
else:
    credential = {"kind": "clientSecret", "value": read("secret"), "expiresAt": read("expiry")}
body = {"credential": credential}
if given["NEW"] == "yes":
    portal = {"name": given["NAME"], "tenantId": given["TENANT"], "clientId": given["APP"]}
    body = {**portal, "cloud": given["CLOUD"], **body}
    tasks = given["TASKS"].split(",")
    body["tasks"] = [task for task in tasks if task not in ("import", "reclamation")]
    body["reclamationAllowed"] = "reclamation" in tasks
print(json.dumps(body))
END
say "Registered: client ID $app. New permissions can take some minutes; test the portal then."
