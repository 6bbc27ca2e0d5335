"""The function app on a machine whose clock is wrong, by another number of seconds each start.

TORTURE_SKEW_FILE names a file that says by how many at most, and each worker
takes its own share of it; after an = it says by how many all clocks go ahead.
TORTURE_VISIBILITY_SECONDS says how long Graph's reads lag behind writes.
"""

import importlib.util
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import composition
from compliance import reclamation

_SAID = Path(os.environ["TORTURE_SKEW_FILE"]).read_text()
_LIMIT = float(_SAID.lstrip("="))
_SKEW = timedelta(
    seconds=_LIMIT if _SAID.startswith("=") else random.uniform(-_LIMIT, _LIMIT)  # noqa: S311
)


def _skewed_now() -> datetime:
    return datetime.now(UTC) + _SKEW


composition.utc_now = _skewed_now
reclamation.VISIBILITY_LAG = timedelta(seconds=float(os.environ["TORTURE_VISIBILITY_SECONDS"]))
_spec = importlib.util.spec_from_file_location(
    "ledger_function_app", Path(composition.__file__).with_name("function_app.py")
)
if _spec is None or _spec.loader is None:
    raise ImportError("the function app is not beside composition.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
app = _module.app
