"""What log lines carry, and which of the SDKs' own lines nobody may see."""

from __future__ import annotations

import logging

from telemetry.signals import work

# These write what the sign-in service answered, or whom an account belongs to.
_TALKATIVE = ("azure.identity", "msal", "msal_extensions")
# And these every request with its address.
_CHATTY = ("azure.core.pipeline.policies.http_logging_policy", "httpx", "azure.monitor")


def quiet_sdks() -> None:
    """Silences the SDKs' lines; what fails is raised, and told in the ledger's own words."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


class Withheld(Exception):
    """Stands in for an exception whose text may hold anything."""


class WorkFilter(logging.Filter):
    """Adds `portal_id` and `run_id` to a line; keeps of an exception its class and its frames."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Changes the record, and lets it pass."""
        for name, value in work().items():
            setattr(record, name, value)
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, frames = record.exc_info
            record.exc_info = (kind, Withheld(kind.__name__), frames)
            record.exc_text = None
        return True
