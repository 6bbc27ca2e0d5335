"""The function app: registers the functions of every area."""

import azure.functions as func

import catalogue.triggers
import compliance.triggers
import console.triggers
import consolidation.triggers
import exports.triggers
import imports.triggers
import ledger.triggers
import monitor.triggers
import portals.triggers
import reclamation.triggers
import spend.triggers
import usage.triggers
import webhooks.triggers
from web.triggers import openapi_blueprint

AREAS = (
    portals.triggers.api,
    catalogue.triggers.api,
    imports.triggers.api,
    ledger.triggers.api,
    compliance.triggers.api,
    monitor.triggers.api,
    reclamation.triggers.api,
    exports.triggers.api,
    webhooks.triggers.api,
    usage.triggers.api,
    spend.triggers.api,
    consolidation.triggers.api,
)

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for area in AREAS:
    app.register_functions(area.blueprint)
app.register_functions(openapi_blueprint(AREAS))
app.register_functions(console.triggers.blueprint)
