"""HTTP: the OpenAPI document of all areas."""

from __future__ import annotations

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
        document = openapi_document(op for area in areas for op in area.operations)
        return func.HttpResponse(json.dumps(document), mimetype="application/json")

    return blueprint
