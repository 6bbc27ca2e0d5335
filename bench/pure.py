"""The pure part of a recalculation, over a million consumers."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

from compliance.position import Circumstances, position
from compliance.tally import flag_of, tally
from identifiers import GroupId, PortalId, SkuId
from imports.model import Assignment, AssignmentPath, License

CONSUMERS = 1_000_000
LICENSES = 30
PARTS = 64


def recalculation_seconds() -> float:
    """Seconds to count a million consumers of 30 licenses in 64 parts, and to take positions."""
    source = random.Random(1)  # noqa: S311 - reproducible, not secret
    kinds = bytes(
        flag_of(Assignment(SkuId("s"), True, (AssignmentPath(group, state),)), enabled)
        for group in (None, GroupId("g"))
        for state in ("Active", "ActiveWithError", "Error")
        for enabled in (True, False)
    )
    size = CONSUMERS // LICENSES // PARTS
    flags = [[bytes(source.choices(kinds, k=size)) for _ in range(PARTS)] for _ in range(LICENSES)]
    now = datetime.now(UTC)
    circumstances = Circumstances("P", "present", False, now, 0, 0, 30, now)
    began = time.perf_counter()
    for number, parts in enumerate(flags):
        license_ = License(
            PortalId("p"), SkuId(str(number)), "S", "S", "User", "Enabled",
            *(1000, 0, 0, 0, 1000), (), (), now,
        )  # fmt: skip
        position(license_, tally(parts), circumstances, None)
    return time.perf_counter() - began
