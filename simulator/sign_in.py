"""Entra ID's sign-in page, authorization codes and refresh tokens.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from simulator.http import Request, Response
from simulator.tenant import Account, Application, Tenant
from simulator.tokens import LIFETIME_SECONDS, Tokens

CODE_SECONDS = 600
_PROTOCOL_SCOPES = frozenset({"openid", "profile", "offline_access", "email"})


@dataclass
class _Code:
    tenant_id: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str | None
    nonce: str | None
    username: str
    expires: float
    used: bool = False


@dataclass
class _Refresh:
    tenant_id: str
    client_id: str
    username: str
    scopes: tuple[str, ...]
    issued: float
    idle: bool = False


class SignIn:
    """Plays the page on which somebody signs in and consents, and what follows from it."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._codes: dict[str, _Code] = {}
        self._refresh: dict[str, _Refresh] = {}

    def authorize(self, request: Request, tenant: Tenant | None) -> Response:
        """The page, or where it sends the browser."""
        query = request.query
        if tenant is None:
            return _page("AADSTS90002: Tenant not found.", 400)
        application = tenant.applications.get(query.get("client_id", ""))
        if application is None or not application.enabled:
            return _page("AADSTS700016: Application was not found in the directory.", 400)
        redirect_uri = query.get("redirect_uri", "")
        if redirect_uri not in application.redirect_uris:
            return _page("AADSTS50011: The redirect URI does not match those registered.", 400)
        refused = _refused(query, application)
        if refused is not None:
            return _back(query, error=refused[0], error_description=refused[1])
        if request.method == "GET":
            return _form(request, application, "")
        form = {n: v[0] for n, v in parse_qs(request.body.decode()).items()}
        if form.get("decision") != "accept":
            return _back(
                query,
                error="access_denied",
                error_description="AADSTS65004: User declined to consent to access the app.",
            )
        account = tenant.accounts.get(form.get("username", "").casefold())
        if account is None or not hmac.compare_digest(account.password, form.get("password", "")):
            return _form(request, application, "AADSTS50126: Invalid username or password.")
        scopes = tuple(query["scope"].split())
        application.consented |= {
            scope.removeprefix(f"{request.base}/")
            for scope in scopes
            if scope not in _PROTOCOL_SCOPES and not scope.endswith("/.default")
        }
        code = secrets.token_urlsafe(64)
        self._codes[code] = _Code(
            tenant.tenant_id,
            application.client_id,
            redirect_uri,
            scopes,
            query.get("code_challenge"),
            query.get("nonce"),
            account.username,
            time.time() + CODE_SECONDS,
        )
        info = {"client_info": _client_info(account, tenant)} if "client_info" in query else {}
        return _back(query, code=code, session_state=str(uuid.uuid4()), **info)

    def redeem(
        self, request: Request, tenant: Tenant, application: Application, form: dict[str, str]
    ) -> int | str | dict[str, Any]:
        """The tokens for a code, or the number of Entra's refusal."""
        code = self._codes.get(form.get("code", ""))
        if code is None or code.tenant_id != tenant.tenant_id:
            return 9002313
        if code.used:
            return 54005
        # a failed attempt uses the code up too
        code.used = True
        if code.expires <= time.time():
            return 70008
        if code.client_id != application.client_id:
            return 700005
        if code.redirect_uri != form.get("redirect_uri"):
            return 500112
        if code.challenge is not None and _challenge(form.get("code_verifier")) != code.challenge:
            return 501481
        account = tenant.accounts[code.username]
        return self._issue(request, tenant, application, account, code.scopes, code.nonce)

    def renew(
        self, request: Request, tenant: Tenant, application: Application, form: dict[str, str]
    ) -> int | str | dict[str, Any]:
        """The tokens for a refresh token, which is replaced; or the refusal.

        A refusal is its number, or number and text where the text names somebody.
        """
        token = self._refresh.get(form.get("refresh_token", ""))
        if token is None or token.tenant_id != tenant.tenant_id:
            return 9002313
        if token.client_id != application.client_id:
            return 700005
        account = tenant.accounts.get(token.username)
        if account is None or not account.enabled:
            return 50057
        if not account.assigned:
            return f"50105: The signed in user '{account.username}' is not assigned to a role."
        if token.issued < account.revoked:
            return 50173
        if token.idle:
            return 700082
        if not application.consented:
            return 65001
        return self._issue(request, tenant, application, account, token.scopes, None)

    def _issue(
        self,
        request: Request,
        tenant: Tenant,
        application: Application,
        account: Account,
        scopes: tuple[str, ...],
        nonce: str | None,
    ) -> dict[str, Any]:
        issuer = f"{request.base}/{tenant.tenant_id}/v2.0"
        granted = sorted(application.consented)
        named = {"name": account.display_name, "preferred_username": account.username}
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": " ".join(f"{request.base}/{name}" for name in granted),
            "expires_in": LIFETIME_SECONDS,
            "ext_expires_in": LIFETIME_SECONDS,
            "access_token": self._tokens.issue(
                request.base,
                issuer,
                tid=tenant.tenant_id,
                appid=application.client_id,
                oid=account.object_id,
                scp=" ".join(granted),
                upn=account.username,
                name=account.display_name,
            ),
            "client_info": _client_info(account, tenant),
        }
        if "openid" in scopes:
            answer["id_token"] = self._tokens.issue(
                application.client_id,
                issuer,
                tid=tenant.tenant_id,
                oid=account.object_id,
                sub=account.object_id,
                **({"nonce": nonce} if nonce else {}),
                **(named if "profile" in scopes else {}),
            )
        if "offline_access" in scopes:
            refresh = f"1.{secrets.token_urlsafe(48)}"
            self._refresh[refresh] = _Refresh(
                tenant.tenant_id, application.client_id, account.username, scopes, time.time()
            )
            answer["refresh_token"] = refresh
        return answer

    def let_lie_idle(self, tenant_id: str) -> None:
        """Lets the tenant's refresh tokens grow older than Entra allows without use."""
        for token in self._refresh.values():
            token.idle = token.idle or token.tenant_id == tenant_id


def _refused(query: dict[str, str], application: Application) -> tuple[str, str] | None:
    if query.get("response_type") != "code":
        return "unsupported_response_type", "AADSTS70005: response_type is not supported."
    if not query.get("scope", "").strip():
        return "invalid_request", "AADSTS900144: The request must contain 'scope'."
    if query.get("code_challenge_method", "S256") != "S256":
        return "invalid_request", "AADSTS501491: Only S256 is accepted here."
    if application.public and "code_challenge" not in query:
        return "invalid_request", "AADSTS9002325: Proof Key for Code Exchange is required."
    return None


def _challenge(verifier: str | None) -> str:
    digest = hashlib.sha256((verifier or "").encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _client_info(account: Account, tenant: Tenant) -> str:
    raw = json.dumps({"uid": account.object_id, "utid": tenant.tenant_id}).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _back(query: dict[str, str], **values: str) -> Response:
    """Sends the browser back to the application."""
    state = {"state": query["state"]} if "state" in query else {}
    location = f"{query.get('redirect_uri', '')}?{urlencode({**values, **state})}"
    return Response(302, b"", {"location": location})


def _form(request: Request, application: Application, error: str) -> Response:
    action = html.escape(f"{request.path}?{urlencode(request.query)}")
    asked = ", ".join(
        scope for scope in request.query["scope"].split() if scope not in _PROTOCOL_SCOPES
    )
    return _page(
        f'<form method="post" action="{action}">'
        f"<p>{html.escape(error)}</p>"
        f"<p>{html.escape(application.client_id)} asks for {html.escape(asked)}.</p>"
        '<input name="username"><input name="password" type="password">'
        '<button name="decision" value="accept">Sign in and accept</button>'
        '<button name="decision" value="cancel">Cancel</button></form>',
        200,
    )


def _page(content: str, status: int) -> Response:
    document = f"<!doctype html><title>Sign in (simulated)</title>{content}"
    return Response(status, document.encode(), {"content-type": "text/html; charset=utf-8"})
