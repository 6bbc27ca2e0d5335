"""Entra ID: discovery, and tokens for client credentials and for those who signed in.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from simulator.http import Request, Response, json_response
from simulator.sign_in import SignIn
from simulator.tenant import Application, Tenant
from simulator.tokens import LIFETIME_SECONDS, Tokens

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CLOCK_SKEW_SECONDS = 300

_FAILURES: dict[int, tuple[str, int, str]] = {
    7000215: ("invalid_client", 401, "Invalid client secret provided."),
    7000222: ("invalid_client", 401, "The provided client secret keys are expired."),
    7000218: (
        "invalid_client",
        401,
        "The request body must contain the following parameter: 'client_assertion' or "
        "'client_secret'.",
    ),
    700027: (
        "invalid_client",
        401,
        "The certificate with identifier used to sign the client assertion is not registered "
        "on application.",
    ),
    700024: (
        "invalid_client",
        401,
        "Client assertion is not within its valid time range.",
    ),
    700016: ("unauthorized_client", 400, "Application was not found in the directory."),
    7000112: ("unauthorized_client", 400, "Application is disabled."),
    90002: ("invalid_request", 400, "Tenant not found."),
    70011: ("invalid_scope", 400, "The provided request must include a valid 'scope'."),
    500011: ("invalid_resource", 400, "The resource principal was not found in the tenant."),
    700005: ("invalid_grant", 400, "The code or token was issued to another client."),
    700025: (
        "invalid_client",
        401,
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    ),
    700082: ("invalid_grant", 400, "The refresh token has expired due to inactivity."),
    50057: ("invalid_grant", 400, "The user account is disabled."),
    50105: ("invalid_grant", 400, "The signed in user is not assigned to a role."),
    50173: (
        "invalid_grant",
        400,
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. "
        "The user might have changed or reset their password.",
    ),
    500112: ("invalid_grant", 400, "The reply address does not match that of the request."),
    501481: (
        "invalid_grant",
        400,
        "The Code_Verifier does not match the code_challenge supplied in the authorization "
        "request.",
    ),
    54005: (
        "invalid_grant",
        400,
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code.",
    ),
    65001: (
        "invalid_grant",
        400,
        "The user or administrator has not consented to use the application.",
    ),
    70008: ("invalid_grant", 400, "The provided authorization code has expired."),
    9002313: ("invalid_request", 400, "Invalid request. Request is malformed or invalid."),
    700003: ("unsupported_grant_type", 400, "The grant type is not supported."),
}


class Entra:
    """The sign-in service."""

    def __init__(self, tokens: Tokens, tenants: dict[str, Tenant]) -> None:
        self._tokens = tokens
        self._tenants = tenants
        self._used_assertions: dict[str, float] = {}
        self.sign_in = SignIn(tokens)

    def handle(self, request: Request) -> Response | None:
        """Answers what is Entra's; None for other paths."""
        if request.path == "/common/discovery/instance":
            return _instance_discovery(request)
        tenant_id, _, rest = request.path.strip("/").partition("/")
        match rest:
            case "v2.0/.well-known/openid-configuration":
                return self._configuration(request, tenant_id)
            case "discovery/v2.0/keys":
                return json_response(self._tokens.jwks())
            case "oauth2/v2.0/authorize" if request.method in ("GET", "POST"):
                return self.sign_in.authorize(request, self._tenants.get(tenant_id))
            case "oauth2/v2.0/token" if request.method == "POST":
                return self._token(request, tenant_id)
        return None

    def _configuration(self, request: Request, tenant_id: str) -> Response:
        if tenant_id not in self._tenants:
            return failure(90002)
        base = f"{request.base}/{tenant_id}"
        return json_response(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "issuer": f"{base}/v2.0",
                "response_types_supported": ["code", "id_token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                ],
            }
        )

    def _token(self, request: Request, tenant_id: str) -> Response:
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            return failure(90002)
        form = {
            name: values[0]
            for name, values in parse_qs(request.body.decode(errors="replace")).items()
        }
        grant = form.get("grant_type")
        if grant not in ("client_credentials", "authorization_code", "refresh_token"):
            return failure(700003)
        application = tenant.applications.get(form.get("client_id", ""))
        if application is None:
            return failure(700016)
        if not application.enabled:
            return failure(7000112)
        refused = self._refusal(application, form, f"{request.base}{request.path}")
        if refused is not None:
            return failure(refused)
        if grant != "client_credentials":
            redeem = grant == "authorization_code"
            serve = self.sign_in.redeem if redeem else self.sign_in.renew
            issued = serve(request, tenant, application, form)
            if isinstance(issued, int):
                return failure(issued)
            if isinstance(issued, str):
                number, _, text = issued.partition(": ")
                return failure(int(number), text)
            return json_response(issued, cache_control="no-store")
        scope = form.get("scope", "")
        if not scope.endswith("/.default"):
            return failure(70011)
        audience = scope.removesuffix("/.default")
        if audience != request.base:
            return failure(500011)
        token = self._tokens.issue(
            audience,
            f"{request.base}/{tenant_id}/v2.0",
            tid=tenant_id,
            appid=application.client_id,
            # without consent the claim is absent
            **({"roles": application.permissions} if application.permissions else {}),
        )
        return json_response(
            {
                "token_type": "Bearer",
                "expires_in": LIFETIME_SECONDS,
                "ext_expires_in": LIFETIME_SECONDS,
                "access_token": token,
            },
            cache_control="no-store",
        )

    def _refusal(self, application: Application, form: dict[str, str], url: str) -> int | None:
        if application.public and form.get("grant_type") != "client_credentials":
            return 700025 if "client_secret" in form or "client_assertion" in form else None
        if "client_assertion" in form:
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                return 7000218
            return self._assertion_refusal(application, form["client_assertion"], url)
        if "client_secret" not in form:
            return 7000218
        now = dt.datetime.now(dt.UTC)
        for secret in application.secrets:
            if secret["value"] == form["client_secret"]:
                expires = secret.get("expires")
                expired = expires is not None and dt.datetime.fromisoformat(expires) <= now
                return 7000222 if expired else None
        return 7000215

    def _assertion_refusal(self, application: Application, assertion: str, url: str) -> int | None:
        try:
            header = jwt.get_unverified_header(assertion)
        except jwt.InvalidTokenError:
            return 700027
        certificate = _registered(application, header)
        if certificate is None or header.get("alg") not in ("RS256", "PS256"):
            return 700027
        now = dt.datetime.now(dt.UTC)
        if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
            return 700027
        try:
            claims = jwt.decode(
                assertion,
                certificate.public_key(),  # type: ignore[arg-type]  # RSA, or decoding fails
                algorithms=[header["alg"]],
                audience=url,
                issuer=application.client_id,
                leeway=_CLOCK_SKEW_SECONDS,
                options={"require": ["aud", "iss", "sub", "exp", "jti"]},
            )
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
            return 700024
        except (jwt.InvalidTokenError, TypeError):
            return 700027
        if claims["sub"] != application.client_id:
            return 700027
        self._used_assertions = {j: e for j, e in self._used_assertions.items() if e > time.time()}
        if claims["jti"] in self._used_assertions:
            return 700024
        self._used_assertions[claims["jti"]] = claims["exp"] + _CLOCK_SKEW_SECONDS
        return None


def _registered(application: Application, header: dict[str, Any]) -> x509.Certificate | None:
    # some libraries pad the thumbprint, others do not
    given = {str(header.get(name, "")).rstrip("=") for name in ("x5t", "x5t#S256")} - {""}
    for pem in application.certificates:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        der = certificate.public_bytes(Encoding.DER)
        sha1 = hashlib.sha1(der, usedforsecurity=False).digest()
        if given & {_base64url(sha1), _base64url(hashlib.sha256(der).digest())}:
            return certificate
    return None


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def failure(number: int, said: str | None = None) -> Response:
    """An error of the token endpoint, in Entra's form; `said` stands in place of its text."""
    error, status, text = _FAILURES[number]
    text = said or text
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    moment = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return json_response(
        {
            "error": error,
            "error_description": f"AADSTS{number}: {text}\r\nTrace ID: {trace}\r\n"
            f"Correlation ID: {correlation}\r\nTimestamp: {moment}",
            "error_codes": [number],
            "timestamp": moment,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={number}",
        },
        status,
    )


def _instance_discovery(request: Request) -> Response:
    host = request.base.removeprefix("https://")
    return json_response(
        {
            "tenant_discovery_endpoint": f"{request.base}/common/v2.0/.well-known/"
            "openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }
    )
