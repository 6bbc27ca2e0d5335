"""The app's functions as the host indexes them; a process can do that only once."""

from __future__ import annotations

import functools
from typing import Any

import function_app


@functools.cache
def http_functions() -> dict[str, dict[str, Any]]:
    """The HTTP triggers by the name of their function."""
    found: dict[str, dict[str, Any]] = {}
    for function in function_app.app.get_functions():
        trigger = function.get_trigger()
        described = trigger.get_dict_repr() if trigger else {}
        if described.get("type") == "httpTrigger":
            found[str(function.get_function_name())] = described
    return found
