"""The queues that workers work off, and where messages go that were given up."""

from __future__ import annotations

from compliance.messages import QUEUE as RECALCULATIONS
from consolidation.messages import QUEUE as CONSOLIDATIONS
from imports.messages import QUEUE as IMPORTS
from reclamation.messages import QUEUE as RECLAMATIONS
from usage.messages import QUEUE as USAGE
from webhooks.messages import QUEUE as WEBHOOKS

WORK_QUEUES = (IMPORTS, RECALCULATIONS, USAGE, CONSOLIDATIONS, RECLAMATIONS, WEBHOOKS)


def poison(queue: str) -> str:
    """The queue to which the Functions host moves what was given up.

    Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages
    """
    return f"{queue}-poison"
