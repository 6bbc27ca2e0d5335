"""What receivers get: an event as generic JSON, for Slack, or as a Teams card. Pure.

Texts of a tenant stay texts: Slack gets plain text, and the card uses
elements that know no Markdown.
Sources: https://docs.slack.dev/messaging/formatting-message-text,
https://learn.microsoft.com/connectors/teams/#microsoft-teams-webhook,
https://adaptivecards.io/explorer/TextRun.html
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

import msgspec

from webhooks.model import Event, WebhookKind

_SLACK_MARKS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# Source: https://docs.slack.dev/reference/block-kit/blocks
_SLACK_HEADER_CHARACTERS = 150
_SLACK_SECTION_CHARACTERS = 3000


def body_of(event: Event, kind: WebhookKind) -> bytes:
    """The request's body, JSON in UTF-8."""
    match kind:
        case "teams":
            content = _teams(event)
        case "slack":
            content = _slack(event)
        case _:
            content = _generic(event)
    return msgspec.json.encode(content)


def _generic(event: Event) -> dict[str, Any]:
    return {
        "type": event.kind,
        "timestamp": event.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "data": {
            "eventId": event.event_id,
            "title": event.title,
            "text": event.text,
            "remedy": event.remedy,
            "portalId": event.portal_id,
            "skuId": event.sku_id,
            "facts": {fact.name: fact.value for fact in event.facts},
        },
    }


def _slack(event: Event) -> dict[str, Any]:
    facts = "\n".join(f"{fact.name}: {fact.value}" for fact in event.facts)
    parts = [part for part in (event.text, facts, event.remedy) if part]
    return {
        # shown in notifications, where Slack knows its marks
        "text": event.title.translate(_SLACK_MARKS),
        "mrkdwn": False,
        "blocks": [
            {"type": "header", "text": _plain(event.title, _SLACK_HEADER_CHARACTERS)},
            *(
                {"type": "section", "text": _plain(part, _SLACK_SECTION_CHARACTERS)}
                for part in parts
            ),
        ],
    }


def _plain(text: str, characters: int) -> dict[str, Any]:
    shown = text if len(text) <= characters else text[: characters - 1] + "…"
    return {"type": "plain_text", "text": shown, "emoji": False}


def _teams(event: Event) -> dict[str, Any]:
    body: list[dict[str, Any]] = [
        _run(event.title, weight="Bolder", size="Medium"),
        _run(event.text),
        *(_run(f"{fact.name}: {fact.value}") for fact in event.facts),
    ]
    if event.remedy:
        body.append(_run(event.remedy, isSubtle=True))
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": body,
    }
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": card,
            }
        ],
    }


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {
        "type": "RichTextBlock",
        "inlines": [{"type": "TextRun", "text": text, **style}],
    }
