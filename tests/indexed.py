"""The app's functions as the host indexes them; a process can do that only once."""

from __future__ import annotations

import functools
from typing import Any

import function_app


def http_functions() -> dict[str, dict[str, Any]]:
    """The HTTP triggers by the name of their function."""
    return {name: t for name, t in _triggers().items() if t.get("type") == "httpTrigger"}


def queue_names() -> set[str]:
    """The queues that functions work off."""
    return {str(t["queueName"]) for t in _triggers().values() if t.get("type") == "queueTrigger"}


@functools.cache
def _triggers() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for function in function_app.app.get_functions():
        trigger = function.get_trigger()
        found[str(function.get_function_name())] = trigger.get_dict_repr() if trigger else {}
    return found
