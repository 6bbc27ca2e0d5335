"""Key Vault secrets: versions, attributes, soft delete, purge protection.

Source: https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups
"""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from simulator.http import Request, Response, json_response
from simulator.tokens import Tokens

RESOURCE = "https://vault.azure.net"
RECOVERABLE_DAYS = 90
_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
MAX_VALUE_CHARACTERS = 25_600


@dataclass
class Version:
    """One version of a secret."""

    version: str
    value: str
    content_type: str | None
    tags: dict[str, str]
    enabled: bool
    expires: int | None
    not_before: int | None
    created: int
    updated: int


@dataclass
class Secret:
    """A secret; `deleted_at` is set while it is soft-deleted."""

    name: str
    versions: list[Version] = field(default_factory=list)
    deleted_at: int | None = None


class KeyVault:
    """One vault."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.secrets: dict[str, Secret] = {}
        self.purge_protected = False
        self.refused = False

    def handle(self, request: Request) -> Response | None:
        """Answers what is the vault's; None for other paths."""
        parts = request.path.strip("/").split("/")
        if parts[0] not in ("secrets", "deletedsecrets"):
            return None
        bearer = request.headers.get("authorization", "")
        if not bearer.lower().startswith("bearer ") or not self._tokens.claims(
            bearer[7:], [RESOURCE]
        ):
            return json_response(
                _error("Unauthorized", "AKV10000: Request is missing a Bearer or PoP token."),
                401,
                WWW_Authenticate=f'Bearer authorization="{request.base}/vault-tenant", '
                f'resource="{RESOURCE}"',
            )
        if "api-version" not in request.query:
            return json_response(_error("BadParameter", "api-version must be specified"), 400)
        if self.refused:
            return json_response(
                _error("Forbidden", "Caller is not authorized to perform action on resource."), 403
            )
        if parts[0] == "deletedsecrets":
            return self._deleted(request, parts[1:])
        return self._secrets(request, parts[1:])

    def _secrets(self, request: Request, parts: list[str]) -> Response:
        if not parts:
            items = [self._bundle(request, s, s.versions[-1]) for s in self._present()]
            return json_response({"value": [_without_value(i) for i in items], "nextLink": None})
        name = parts[0]
        if not _NAME.fullmatch(name):
            return json_response(_error("BadParameter", "The secret's name is invalid."), 400)
        secret = self.secrets.get(name.lower())
        present = secret is not None and secret.deleted_at is None
        match request.method, parts[1:]:
            case "PUT", []:
                return self._set(request, name)
            case "GET", ["versions"] if secret is not None and present:
                items = [self._bundle(request, secret, version) for version in secret.versions]
                return json_response(
                    {"value": [_without_value(item) for item in items], "nextLink": None}
                )
            case "GET", rest if secret is not None and present:
                return self._get(request, secret, rest[0] if rest else "")
            case "PATCH", rest if secret is not None and present:
                return self._update(request, secret, rest[0] if rest else "")
            case "DELETE", [] if secret is not None and present:
                secret.deleted_at = int(time.time())
                return json_response(self._deleted_bundle(request, secret))
        return _not_found(name)

    def soft_delete(self, name: str) -> None:
        """Deletes a secret as somebody else with rights on the vault may."""
        self.secrets[name.lower()].deleted_at = int(time.time())

    def _present(self) -> list[Secret]:
        return [secret for secret in self.secrets.values() if secret.deleted_at is None]

    def _set(self, request: Request, name: str) -> Response:
        body = request.json()
        if not isinstance(body, dict) or not isinstance(body.get("value"), str):
            return json_response(_error("BadParameter", "Property value is required."), 400)
        if len(body["value"]) > MAX_VALUE_CHARACTERS:
            return json_response(_error("BadParameter", "The secret's value is too long."), 400)
        fault = _malformed(body)
        if fault is not None:
            return json_response(_error("BadParameter", fault), 400)
        secret = self.secrets.setdefault(name.lower(), Secret(name))
        if secret.deleted_at is not None:
            return json_response(
                _error(
                    "Conflict",
                    f"Secret {name} is currently in a deleted but recoverable state, and its name "
                    "cannot be reused; in this state, the secret can only be recovered or purged.",
                    "ObjectIsDeletedButRecoverable",
                ),
                409,
            )
        attributes = body.get("attributes") or {}
        now = int(time.time())
        version = Version(
            uuid.uuid4().hex,
            body["value"],
            body.get("contentType"),
            body.get("tags") or {},
            attributes.get("enabled", True),
            attributes.get("exp"),
            attributes.get("nbf"),
            now,
            now,
        )
        secret.versions.append(version)
        return json_response(self._bundle(request, secret, version))

    def _version(self, secret: Secret, version: str) -> Version | None:
        if not version:
            return secret.versions[-1]
        return next((item for item in secret.versions if item.version == version), None)

    def _get(self, request: Request, secret: Secret, version: str) -> Response:
        found = self._version(secret, version)
        if found is None:
            return _not_found(f"{secret.name}/{version}")
        if not found.enabled:
            return json_response(
                _error(
                    "Forbidden",
                    "Operation get is not allowed on a disabled secret.",
                    "SecretDisabled",
                ),
                403,
            )
        return json_response(self._bundle(request, secret, found))

    def _update(self, request: Request, secret: Secret, version: str) -> Response:
        found = self._version(secret, version)
        if found is None:
            return _not_found(f"{secret.name}/{version}")
        body = request.json() or {}
        fault = _malformed(body)
        if fault is not None:
            return json_response(_error("BadParameter", fault), 400)
        attributes = body.get("attributes") or {}
        found.enabled = attributes.get("enabled", found.enabled)
        found.expires = attributes.get("exp", found.expires)
        found.content_type = body.get("contentType", found.content_type)
        found.tags = body.get("tags", found.tags)
        found.updated = int(time.time())
        return json_response(_without_value(self._bundle(request, secret, found)))

    def _deleted(self, request: Request, parts: list[str]) -> Response:
        gone = {n: s for n, s in self.secrets.items() if s.deleted_at is not None}
        if not parts:
            items = [_without_value(self._deleted_bundle(request, s)) for s in gone.values()]
            return json_response({"value": items, "nextLink": None})
        secret = gone.get(parts[0].lower())
        if secret is None:
            return _not_found(parts[0])
        match request.method, parts[1:]:
            case "GET", []:
                return json_response(_without_value(self._deleted_bundle(request, secret)))
            case "DELETE", []:
                if self.purge_protected:
                    return json_response(
                        _error(
                            "Forbidden", "Operation purge is not allowed: purge protection is on."
                        ),
                        403,
                    )
                del self.secrets[parts[0].lower()]
                return Response(204)
            case "POST", ["recover"]:
                secret.deleted_at = None
                return json_response(
                    _without_value(self._bundle(request, secret, secret.versions[-1]))
                )
        return _not_found(parts[0])

    def _bundle(self, request: Request, secret: Secret, version: Version) -> dict[str, Any]:
        attributes = {
            "enabled": version.enabled,
            "created": version.created,
            "updated": version.updated,
            "recoveryLevel": "Recoverable" if self.purge_protected else "Recoverable+Purgeable",
            "recoverableDays": RECOVERABLE_DAYS,
        }
        if version.expires is not None:
            attributes["exp"] = version.expires
        if version.not_before is not None:
            attributes["nbf"] = version.not_before
        return {
            "value": version.value,
            "id": f"{request.base}/secrets/{secret.name}/{version.version}",
            "contentType": version.content_type,
            "attributes": attributes,
            "tags": version.tags,
        }

    def _deleted_bundle(self, request: Request, secret: Secret) -> dict[str, Any]:
        deleted_at = secret.deleted_at or 0
        return {
            **self._bundle(request, secret, secret.versions[-1]),
            "recoveryId": f"{request.base}/deletedsecrets/{secret.name}",
            "deletedDate": deleted_at,
            "scheduledPurgeDate": deleted_at + RECOVERABLE_DAYS * 86_400,
        }


def _malformed(body: Any) -> str | None:
    """What of a secret's body has the wrong type, None if nothing."""
    if not isinstance(body, dict):
        return "The body is not a JSON object."
    attributes, tags = body.get("attributes") or {}, body.get("tags") or {}
    if not isinstance(attributes, dict) or not isinstance(tags, dict):
        return "Properties attributes and tags are objects."
    if not isinstance(attributes.get("enabled", True), bool):
        return "Property enabled is true or false."
    if not all(isinstance(attributes.get(name), int | None) for name in ("exp", "nbf")):
        return "Properties exp and nbf are seconds."
    return None


def _without_value(bundle: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in bundle.items() if name != "value"}


def _not_found(name: str) -> Response:
    return json_response(
        _error(
            "SecretNotFound", f"A secret with (name/id) {name} was not found in this key vault."
        ),
        404,
    )


def _error(code: str, message: str, inner: str | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    return {"error": error}
