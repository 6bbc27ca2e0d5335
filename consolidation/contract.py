"""Request and response models of the consolidated inventory."""

from typing import TYPE_CHECKING

from compliance.model import Status
from consolidation.names import RepositoryName
from imports.model import ContactKind
from web.contract import Contract, PageQuery, Timestamp

if TYPE_CHECKING:
    from consolidation.model import ConsolidatedLicense, ConsolidatedProduct
    from consolidation.service import Person, Repository


class ConsolidateRequest(Contract):
    """Which repository to consolidate."""

    repository: RepositoryName = "default"


class RepositoryQuery(PageQuery):
    """Which repository to look at."""

    repository: RepositoryName = "default"


class RepositoryView(Contract):
    """A named inventory, its portals, and its last consolidation."""

    name: str
    portals: list[str]
    consolidated_at: Timestamp | None
    contacts: int | None
    persons: int | None
    matched: int | None
    shared_addresses: int | None

    @classmethod
    def of(cls, repository: "Repository") -> "RepositoryView":
        """The view of a repository."""
        state = repository.state
        return cls(
            name=repository.name,
            portals=[portal.name for portal in repository.portals],
            consolidated_at=state.consolidated_at if state else None,
            contacts=state.contacts if state else None,
            persons=state.persons if state else None,
            matched=state.matched if state else None,
            shared_addresses=state.shared_addresses if state else None,
        )


class ConsolidatedLicenseView(Contract):
    """A SKU over all portals of a repository; units are licenses, `persons` count once."""

    sku_id: str
    title: str
    sku_part_number: str
    portals: int
    portal_ids: list[str]
    entitled: int
    consumed: int
    available: int
    shortfall: int
    spare: int
    persons: int
    statuses: dict[Status, int]

    @classmethod
    def of(cls, license_: "ConsolidatedLicense") -> "ConsolidatedLicenseView":
        """The view of a consolidated license."""
        return cls(
            sku_id=license_.sku_id,
            title=license_.title,
            sku_part_number=license_.sku_part_number,
            portals=len(license_.portal_ids),
            portal_ids=list(license_.portal_ids),
            entitled=license_.entitled,
            consumed=license_.consumed,
            available=license_.available,
            shortfall=license_.shortfall,
            spare=license_.spare,
            persons=license_.persons,
            statuses=license_.statuses,
        )


class ConsolidatedProductView(Contract):
    """The products of one title over all portals of a repository."""

    title: str
    sku_ids: list[str]
    portals: int
    portal_ids: list[str]
    directories: list[str]
    entitled: int
    consumed: int
    available: int
    persons: int

    @classmethod
    def of(cls, product: "ConsolidatedProduct") -> "ConsolidatedProductView":
        """The view of a consolidated product."""
        return cls(
            title=product.title,
            sku_ids=list(product.sku_ids),
            portals=len(product.portal_ids),
            portal_ids=list(product.portal_ids),
            directories=list(product.directories),
            entitled=product.entitled,
            consumed=product.consumed,
            available=product.available,
            persons=product.persons,
        )


class PersonContactView(Contract):
    """A contact of a person found in several portals."""

    portal_id: str
    portal_name: str
    user_id: str
    user_principal_name: str
    display_name: str | None
    mail: str | None
    kind: ContactKind
    blocked: bool
    sku_ids: list[str]


class PersonView(Contract):
    """A person found in several portals."""

    person_id: str
    contacts: list[PersonContactView]

    @classmethod
    def of(cls, person: "Person") -> "PersonView":
        """The view of a person."""
        return cls(
            person_id=person.key,
            contacts=[
                PersonContactView(
                    portal_id=found.portal_id,
                    portal_name=found.portal_name,
                    user_id=found.contact.user_id,
                    user_principal_name=found.contact.user_principal_name,
                    display_name=found.contact.display_name,
                    mail=found.contact.mail,
                    kind=found.contact.kind,
                    blocked=found.contact.account_enabled is False,
                    sku_ids=[assignment.sku_id for assignment in found.contact.assignments],
                )
                for found in person.contacts
            ],
        )
