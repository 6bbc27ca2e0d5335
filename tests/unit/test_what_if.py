"""What another license would mean for the holders of one."""

from __future__ import annotations

import pytest

from identifiers import SkuId
from spend import what_if
from spend.rightsizing import Given, Need
from spend.what_if import Move, NeedCount, NeedTally, move
from tests.builders import make_plan
from usage.model import Service

E3 = SkuId("e3")
MAIL, TEAMS, POWER_BI = Service.EXCHANGE, Service.TEAMS, Service.POWER_BI
KIOSK = Given.by([make_plan("EXCHANGE_S_DESKLESS"), make_plan("TEAMS1")])


def of(*used: Service, unknown: tuple[Service, ...] = (), **rest: object) -> Need:
    """A need."""
    return Need(frozenset(used), frozenset(unknown), **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        (of(MAIL, TEAMS), Move(fits=7)),
        (of(), Move(fits=7)),
        (of(MAIL, POWER_BI), Move(loses=7, lost={POWER_BI: 7})),
        (of(MAIL, unknown=(TEAMS,)), Move(fits=7)),
        (of(MAIL, unknown=(POWER_BI,)), Move(unknown=7)),
        # what is lost for certain is lost, whatever else is unknown
        (of(POWER_BI, unknown=(Service.VISIO,)), Move(loses=7, lost={POWER_BI: 7})),
        (of(MAIL, mailbox=2 * 1024**3), Move(fits=7)),
        (of(MAIL, mailbox=50 * 1024**3), Move(loses=7, too_small=7)),
        (of(web_apps=True), Move(loses=7, lost={Service.MICROSOFT_365_APPS: 7})),
        (of(web_apps=None), Move(unknown=7)),
    ],
)
def test_seats_fit_lose_something_or_nobody_knows(need: Need, expected: Move):
    assert move([NeedCount(E3, need, 7)], KIOSK) == expected


def test_seats_of_different_needs_add_up():
    tally = NeedTally()
    for need in (of(MAIL), of(POWER_BI), of(MAIL), of(MAIL, POWER_BI)):
        tally.add(E3, need)
    assert sum(count.seats for count in tally.counts()) == 4
    assert move(tally.counts(), KIOSK) == Move(fits=2, loses=2, lost={POWER_BI: 2})


def test_beyond_so_many_needs_seats_are_of_unknown_need(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(what_if, "MAX_NEEDS", 1)
    tally = NeedTally()
    for need in (of(MAIL), of(TEAMS), of(MAIL, TEAMS), of(MAIL)):
        tally.add(E3, need)
    assert len(tally.counts()) == 2
    assert move(tally.counts(), KIOSK) == Move(fits=2, unknown=2)
