"""The timer that keeps the list of products fresh."""

from __future__ import annotations

import logging

import azure.functions as func

import composition
from catalogue import service
from errors import LedgerError
from web.operation import Api

logger = logging.getLogger("ledger365.catalogue")

api = Api()


@api.blueprint.function_name(name="RefreshCatalogue")
@api.blueprint.timer_trigger(
    arg_name="timer", schedule="%CATALOGUE_SCHEDULE%", run_on_startup=False, use_monitor=True
)
async def refresh_catalogue(timer: func.TimerRequest) -> None:
    """Fetches Microsoft's list of product names; the stored one stays if that fails."""
    try:
        number = await service.refresh(await composition.ledger())
    except LedgerError as error:
        logger.warning("The list of products was not fetched: %s", error.message)
    else:
        logger.info("The list of products has %d SKUs.", number)
