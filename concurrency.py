"""Runs coroutines side by side, under a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")
Other = TypeVar("Other")


async def run_all(work: Iterable[Coroutine[Any, Any, Result]], *, at_once: int) -> list[Result]:
    """The results, in order. The first failure cancels the rest and is raised as it is.

    A plain exception, not a group: callers decide by its class.
    """
    slots = asyncio.Semaphore(at_once)

    async def limited(coroutine: Coroutine[Any, Any, Result]) -> Result:
        async with slots:
            return await coroutine

    coroutines = list(work)
    first: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(limited(coroutine)) for coroutine in coroutines]
    except BaseExceptionGroup as failed:
        first = failed.exceptions[0]
    finally:
        for coroutine in coroutines:
            coroutine.close()
    if first is not None:
        # raised here, so that it keeps the cause it came with
        raise first
    return [task.result() for task in tasks]


async def both(
    one: Coroutine[Any, Any, Result], other: Coroutine[Any, Any, Other]
) -> tuple[Result, Other]:
    """The two results; failures are as with `run_all`."""
    work: tuple[Coroutine[Any, Any, Any], ...] = (one, other)
    first, second = await run_all(work, at_once=2)
    return first, second
