"""HTTP function of the web console: its files, which call nothing but the public API."""

from __future__ import annotations

import azure.functions as func

from console.assets import assets

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK's constructor is untyped


@blueprint.function_name(name="ShowConsole")
@blueprint.route(
    route="console/{*path}",
    methods=[func.HttpMethod.GET, func.HttpMethod.HEAD],
    auth_level=func.AuthLevel.ANONYMOUS,
)
def show_console(req: func.HttpRequest) -> func.HttpResponse:
    """A file of the console; the page holds no data, so anyone may load it."""
    answer = assets().answer(
        req.route_params.get("path") or "",
        if_none_match=req.headers.get("If-None-Match", ""),
        accept_encoding=req.headers.get("Accept-Encoding", ""),
    )
    return func.HttpResponse(answer.body, status_code=answer.status, headers=dict(answer.headers))
