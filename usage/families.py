"""Tells product families from service plans, activations and names of installed apps."""

from __future__ import annotations

import re

from usage.model import Family

# Source: https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
_PLANS = {
    Family.MICROSOFT_365_APPS: re.compile(r"OFFICESUBSCRIPTION|OFFICE_(BUSINESS|PRO_?PLUS)"),
    Family.VISIO: re.compile(r"VISIO_CLIENT_SUBSCRIPTION"),
    Family.PROJECT: re.compile(r"PROJECT_CLIENT_SUBSCRIPTION"),
}
_ACTIVATIONS = {
    Family.VISIO: re.compile(r"\bvisio\b"),
    Family.PROJECT: re.compile(r"\bproject\b"),
    Family.MICROSOFT_365_APPS: re.compile(r"\b365 apps\b|\bproplus\b|\boffice 365\b|\bbusiness\b"),
}
_APPS = {
    Family.VISIO: re.compile(r"microsoft (office )?visio\b"),
    Family.PROJECT: re.compile(r"microsoft (office )?project\b"),
    Family.MICROSOFT_365_APPS: re.compile(
        r"microsoft 365 apps\b|microsoft (office )?365( proplus| business)?($| - )"
    ),
}
# Parts and free companions of a product are not the product.
_PARTS = re.compile(r"\b(viewer|mui|proofing|server|web access|add-in|language pack)\b")


def family_of_plan(name: str) -> Family | None:
    """The family that a service plan entitles to install."""
    upper = name.strip().upper()
    return next((family for family, plan in _PLANS.items() if plan.match(upper)), None)


def family_of_activation(product: str) -> Family | None:
    """The family of a product type of the activations report."""
    folded = product.casefold()
    return next((family for family, name in _ACTIVATIONS.items() if name.search(folded)), None)


def family_of_app(name: str) -> Family | None:
    """The family of an app that Intune detected; perpetual editions of Office are none."""
    folded = " ".join(name.split()).casefold()
    if _PARTS.search(folded):
        return None
    return next((family for family, app in _APPS.items() if app.match(folded)), None)
