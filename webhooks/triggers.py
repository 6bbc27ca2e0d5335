"""HTTP, timer and queue functions of webhooks and alerts."""

from __future__ import annotations

import azure.functions as func
import msgspec

import composition
from web.contract import PageOf, PageQuery
from web.operation import Api, Reply, Request
from webhooks import service
from webhooks.contract import (
    AlertView,
    CreateWebhookRequest,
    DeliveryView,
    WebhookCreated,
    WebhookTested,
    WebhookView,
)
from webhooks.delivery import deliver
from webhooks.messages import QUEUE, DeliveryMessage
from webhooks.model import WebhookId
from webhooks.review import review

api = Api()
Ledger = composition.Ledger


@api.blueprint.function_name(name="ReviewAlerts")
@api.blueprint.timer_trigger(
    arg_name="timer", schedule="30 */10 * * * *", run_on_startup=False, use_monitor=True
)
async def review_alerts(timer: func.TimerRequest) -> None:
    """Begins and ends alerts, and tells webhooks what began."""
    await review(await composition.ledger())


@api.blueprint.function_name(name="SendDigest")
@api.blueprint.timer_trigger(
    arg_name="timer", schedule="%DIGEST_SCHEDULE%", run_on_startup=False, use_monitor=True
)
async def send_digest(timer: func.TimerRequest) -> None:
    """Tells webhooks how the ledger stands."""
    await service.send_digest(await composition.ledger())


@api.blueprint.function_name(name="DeliverEvent")
@api.blueprint.queue_trigger(arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage")
async def deliver_event(message: func.QueueMessage) -> None:
    """Makes one attempt at the delivery of one message."""
    request = msgspec.json.decode(message.get_body(), type=DeliveryMessage)
    await deliver(await composition.ledger(), request)


@api.operation(
    "ListWebhooks",
    "GET",
    "webhooks",
    summary="Lists webhooks.",
    query=PageQuery,
    returns=PageOf[WebhookView],
)
async def list_webhooks(ledger: Ledger, request: Request[PageQuery, None]) -> Reply:
    """A page of webhooks."""
    query = request.query
    page = await ledger.webhooks.list_page(top=query.top, continuation=query.continuation)
    rows = [WebhookView.of(webhook) for webhook in page.items]
    return Reply(PageOf[WebhookView](value=rows, continuation=page.continuation))


@api.operation(
    "CreateWebhook",
    "POST",
    "webhooks",
    summary="Has events sent to an address.",
    body=CreateWebhookRequest,
    returns=WebhookCreated,
    status=201,
    errors=(422,),
    role="Ledger.Manage",
)
async def create_webhook(ledger: Ledger, request: Request[None, CreateWebhookRequest]) -> Reply:
    """The new webhook."""
    body = request.body
    webhook, key = await service.create_webhook(
        ledger,
        body.name,
        body.kind,
        body.url.get_secret_value(),
        body.signing_key.get_secret_value() if body.signing_key is not None else None,
        body.events,
    )
    return Reply(
        WebhookCreated.with_key(webhook, key),
        status=201,
        location=f"/api/webhooks/{webhook.webhook_id}",
    )


@api.operation(
    "GetWebhook",
    "GET",
    "webhooks/{webhook_id}",
    summary="Shows one webhook.",
    returns=WebhookView,
    errors=(404,),
)
async def get_webhook(ledger: Ledger, request: Request[None, None]) -> Reply:
    """One webhook."""
    return Reply(WebhookView.of(await ledger.webhooks.get(WebhookId(request.path["webhook_id"]))))


@api.operation(
    "DeleteWebhook",
    "DELETE",
    "webhooks/{webhook_id}",
    summary="Deletes a webhook with its address and key.",
    status=204,
    errors=(404, 422),
    role="Ledger.Manage",
)
async def delete_webhook(ledger: Ledger, request: Request[None, None]) -> Reply:
    """Nothing is left of it."""
    await service.delete_webhook(ledger, WebhookId(request.path["webhook_id"]))
    return Reply(None, status=204)


@api.operation(
    "TestWebhook",
    "POST",
    "webhooks/{webhook_id}/test",
    summary="Sends a test to a webhook, and says what came of it.",
    returns=WebhookTested,
    errors=(404, 422),
    role="Ledger.Manage",
)
async def test_webhook(ledger: Ledger, request: Request[None, None]) -> Reply:
    """What the receiver answered."""
    answer = await service.send_test(ledger, WebhookId(request.path["webhook_id"]))
    tested = WebhookTested(accepted=answer.accepted, status=answer.status, error=answer.error)
    return Reply(tested)


@api.operation(
    "ListDeliveries",
    "GET",
    "webhooks/{webhook_id}/deliveries",
    summary="Lists what a webhook was sent in the last 90 days, or is being sent.",
    query=PageQuery,
    returns=PageOf[DeliveryView],
    errors=(404,),
)
async def list_deliveries(ledger: Ledger, request: Request[PageQuery, None]) -> Reply:
    """A page of deliveries."""
    webhook = await ledger.webhooks.get(WebhookId(request.path["webhook_id"]))
    query = request.query
    page = await ledger.deliveries.list_page(
        webhook.webhook_id, top=query.top, continuation=query.continuation
    )
    rows = [DeliveryView.of(delivery) for delivery in page.items]
    return Reply(PageOf[DeliveryView](value=rows, continuation=page.continuation))


@api.operation(
    "ListAlerts",
    "GET",
    "alerts",
    summary="Lists what needs attention at present.",
    query=PageQuery,
    returns=PageOf[AlertView],
)
async def list_alerts(ledger: Ledger, request: Request[PageQuery, None]) -> Reply:
    """A page of alerts."""
    query = request.query
    page = await ledger.alerts.list_page(top=query.top, continuation=query.continuation)
    rows = [AlertView.of(alert) for alert in page.items]
    return Reply(PageOf[AlertView](value=rows, continuation=page.continuation))
