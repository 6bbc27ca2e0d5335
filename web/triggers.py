"""HTTP: the OpenAPI document of all areas."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence

import azure.functions as func

from web.openapi import openapi_document
from web.operation import Api


def openapi_blueprint(areas: Sequence[Api]) -> func.Blueprint:
    """The function GetOpenApi, which describes every operation of `areas`."""
    api = Api()
    blueprint = api.blueprint

    @blueprint.function_name(name="GetOpenApi")
    @blueprint.route(
        route="openapi.json",
        methods=[func.HttpMethod.GET],
        auth_level=func.AuthLevel.ANONYMOUS,
    )
    def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
        document, etag = described()
        # asked for again each time, which costs nothing while the deployment is the same
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if req.headers.get("If-None-Match") == etag:
            return func.HttpResponse(status_code=304, headers=headers)
        return func.HttpResponse(document, mimetype="application/json", headers=headers)

    @functools.cache
    def described() -> tuple[bytes, str]:
        """The document, made once a worker, and its ETag."""
        document = openapi_document(op for area in areas for op in area.operations)
        text = json.dumps(document).encode()
        return text, f'"{hashlib.blake2b(text, digest_size=12).hexdigest()}"'

    return blueprint
