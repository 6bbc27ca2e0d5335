"""What a portal's licenses are used for, summed up; and parts of usage put together."""

from datetime import date
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from identifiers import ServicePlanId
from imports.model import Assignment, ServicePlan
from tests.builders import SKU, make_contact, make_license, make_usage, make_usage_status
from usage.merge import MAX_DEVICES_OF_USER, merged_device, merged_usage
from usage.model import Device, InstalledApp, Service, Usage, UserDevice
from usage.partitions import Partitions
from usage.tally import Tally, included_services, services_by_plan

TODAY = date(2026, 6, 1)
TEAMS, APPS = ServicePlanId("t"), ServicePlanId("o")
LICENSE = make_license(
    service_plans=(
        ServicePlan(TEAMS, "TEAMS1", "Success", "User"),
        ServicePlan(APPS, "OFFICESUBSCRIPTION", "Success", "User"),
    )
)


def new_tally() -> Tally:
    """A tally of one license with Teams and Microsoft 365 Apps."""
    status = make_usage_status(tasks=("roster", "access"))
    return Tally(status, [LICENSE], today=TODAY, used_days=30, rarely_used_days=90)


def test_holders_use_a_service_or_not_or_nobody_knows():
    tally = new_tally()
    used = make_usage(last_activity={"teams": "2026-05-20"})
    long_ago = make_usage(last_activity={"teams": "2026-01-20"})
    for usage in (used, long_ago, make_usage(), None):
        tally.add(make_contact(Assignment(SKU, True)), usage)
    tally.add(make_contact(Assignment(SKU, False)), used)
    use = tally.summary().licenses[SKU]
    assert use.holders == 4
    teams = use.services["teams"]
    assert (teams.used, teams.not_used, teams.unknown) == (1, 2, 1)


def test_a_plan_switched_off_for_a_holder_is_not_its_service():
    plans = services_by_plan([LICENSE])
    assert included_services(Assignment(SKU, True), plans) == {
        Service.TEAMS,
        Service.MICROSOFT_365_APPS,
    }
    assert included_services(Assignment(SKU, True, (), (APPS,)), plans) == {Service.TEAMS}


def test_every_figure_adds_up_to_the_holders():
    tally = new_tally()
    for index in range(20):
        date_ = f"2026-0{index % 5 + 1}-15"
        usage = make_usage(last_activity={"microsoft_365_apps": date_}) if index % 3 else None
        tally.add(make_contact(Assignment(SKU, True)), usage)
    summary = tally.summary()
    for service in summary.licenses[SKU].services.values():
        assert service.used + service.not_used + service.unknown == 20
    family = summary.families["microsoft_365_apps"]
    assert family.entitled_not_installed == sum(family.categories.values()) == 20


def test_of_two_dates_the_later_counts_and_sizes_of_sites_add_up():
    user_id = make_usage().user_id
    one = Usage(user_id, {"exchange": "2026-05-01", "teams": "2026-04-01"}, onedrive_bytes=1)
    two = Usage(user_id, {"exchange": "2026-03-01"}, "2026-05-05", onedrive_bytes=2)
    merged = merged_usage([one, two])
    assert merged.last_activity == {"exchange": "2026-05-01", "teams": "2026-04-01"}
    assert (merged.last_sign_in, merged.onedrive_bytes) == ("2026-05-05", 3)
    assert (merged.platforms, merged.mailbox_bytes) == (None, None)
    on_the_desktop = msgspec.structs.replace(two, desktop_outlook=True)
    assert not merged.desktop_outlook
    assert merged_usage([one, on_the_desktop]).desktop_outlook


def test_an_account_that_enrolls_for_others_keeps_a_bounded_number_of_devices():
    user_id = make_usage().user_id
    parts = [Usage(user_id, devices=(UserDevice(str(n)),)) for n in range(300)]
    assert len(merged_usage(parts).devices) == MAX_DEVICES_OF_USER


def test_a_device_is_what_all_sources_say_of_it():
    app = InstalledApp("visio", "Microsoft Visio", "16")
    user_id = make_usage().user_id
    merged = merged_device(
        [
            Device("d", "PC", user_id, last_sync="2026-05-01T00:00:00Z", managed=True),
            Device("d", managed=True, installed=(app,)),
            Device("d", managed=True, installed=(app,)),
            Device("d", "PC", last_sync="2026-05-02T00:00:00Z", joined=True, trust_type="AzureAd"),
        ]
    )
    assert merged.installed == (app,)
    assert (merged.user_id, merged.trust_type) == (user_id, "AzureAd")
    assert (merged.managed, merged.joined) == (True, True)
    assert merged.last_sync == "2026-05-02T00:00:00Z"


def test_records_beyond_memory_come_back_in_their_order(tmp_path: Path):
    partitions = Partitions(tmp_path / "p", 2, Usage)
    usages = [make_usage(mailbox_bytes=number) for number in range(5000)]
    for usage in usages:
        partitions.add((usage.mailbox_bytes or 0) % 2, usage)
    assert list((tmp_path / "p").iterdir()), "nothing went to a file"
    assert list(partitions.read(0)) == usages[::2]
    assert list(partitions.read(1)) == usages[1::2]
    partitions.drop(0)
    assert list(partitions.read(0)) == []
    assert list(partitions.read(1)) == usages[1::2]
    partitions.clear()
    assert list((tmp_path / "p").iterdir()) == []


@given(st.lists(st.dictionaries(st.sampled_from(list(Service)), st.dates()), min_size=1))
def test_the_order_of_parts_makes_no_difference_to_dates(dates: list[dict[Service, date]]):
    user_id = make_usage().user_id
    parts = [Usage(user_id, {s: day.isoformat() for s, day in d.items()}) for d in dates]
    assert merged_usage(parts).last_activity == merged_usage(parts[::-1]).last_activity
