"""Holding a lease while storage fails."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from errors import LeaseLost, StorageUnavailable
from imports.lease import held_lease
from tests.builders import make_run, new_portal_id

SECONDS = 0.9


class Store:
    """A lease store whose renewals fail so many times before they succeed."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.renewed = 0

    async def acquire_lease(self, portal_id: Any, **given: Any) -> Any:
        """A lease that ends soon."""
        return self

    @property
    def expires_at(self) -> datetime:
        """When the lease ends, unless renewed."""
        return self.began + timedelta(seconds=SECONDS)

    began = datetime.now(UTC)

    async def renew_lease(self, lease: Any, **given: Any) -> Any:
        """Fails, or renews."""
        if self.failures:
            self.failures -= 1
            raise StorageUnavailable("Storage did not answer.", remedy="Wait.")
        self.renewed += 1
        self.began = datetime.now(UTC)
        return self

    async def release_lease(self, lease: Any) -> None:
        """Gives it back."""


async def hold(store: Any, seconds: float) -> None:
    """Works for so long under the lease."""
    store.began = datetime.now(UTC)
    run = make_run()
    async with held_lease(
        store,
        new_portal_id(),
        worker="a",
        run_id=run.run_id,
        clock=lambda: datetime.now(UTC),
        seconds=SECONDS,  # type: ignore[arg-type]  # a fraction, so that the test is short
    ):
        await asyncio.sleep(seconds)


async def test_a_renewal_that_fails_once_is_tried_again():
    store = Store(failures=1)
    await hold(store, 1.3)
    assert store.renewed > 0


async def test_work_stops_when_the_lease_ends_without_a_renewal():
    with pytest.raises(LeaseLost):
        await hold(Store(failures=10**9), 5)
