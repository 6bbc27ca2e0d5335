"""Which properties each type has, so that what does not exist cannot be selected.

Source: https://graph.microsoft.com/v1.0/$metadata
"""

from __future__ import annotations

from simulator.http import Request, Response
from simulator.odata import bad_request

_ON_PREMISES = (
    "onPremisesDomainName onPremisesLastSyncDateTime onPremisesProvisioningErrors "
    "onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled "
)
KNOWN = {
    name: frozenset(properties.split())
    for name, properties in {
        "user": _ON_PREMISES
        + "id deletedDateTime aboutMe accountEnabled ageGroup assignedLicenses assignedPlans "
        "authorizationInfo birthday businessPhones city companyName consentProvidedForMinor "
        "country createdDateTime creationType customSecurityAttributes department displayName "
        "employeeHireDate employeeId employeeLeaveDateTime employeeOrgData employeeType "
        "externalUserState externalUserStateChangeDateTime faxNumber givenName hireDate "
        "identities imAddresses interests isManagementRestricted isResourceAccount jobTitle "
        "lastPasswordChangeDateTime legalAgeGroupClassification licenseAssignmentStates mail "
        "mailNickname mailboxSettings mobilePhone mySite officeLocation "
        "onPremisesDistinguishedName onPremisesExtensionAttributes onPremisesImmutableId "
        "onPremisesUserPrincipalName otherMails passwordPolicies passwordProfile pastProjects "
        "postalCode preferredDataLocation preferredLanguage preferredName provisionedPlans "
        "proxyAddresses responsibilities schools securityIdentifier serviceProvisioningErrors "
        "showInAddressList signInActivity signInSessionsValidFromDateTime skills state "
        "streetAddress surname usageLocation userPrincipalName userType",
        "group": _ON_PREMISES
        + "id deletedDateTime assignedLabels assignedLicenses classification createdDateTime "
        "description displayName expirationDateTime groupTypes hasMembersWithLicenseErrors "
        "isAssignableToRole isManagementRestricted licenseProcessingState mail mailEnabled "
        "mailNickname membershipRule membershipRuleProcessingState preferredDataLocation "
        "preferredLanguage proxyAddresses renewedDateTime securityEnabled securityIdentifier "
        "serviceProvisioningErrors theme uniqueName visibility",
        "subscribedSku": "id accountId accountName appliesTo capabilityStatus consumedUnits "
        "prepaidUnits servicePlans skuId skuPartNumber subscriptionIds",
        "companySubscription": "id commerceSubscriptionId createdDateTime isTrial "
        "nextLifecycleDateTime ownerId ownerTenantId ownerType serviceStatus skuId "
        "skuPartNumber status totalLicenses",
        "organization": "id deletedDateTime assignedPlans businessPhones city country "
        "countryLetterCode createdDateTime defaultUsageLocation displayName "
        "marketingNotificationEmails mobileDeviceManagementAuthority "
        "onPremisesLastSyncDateTime onPremisesSyncEnabled partnerTenantType postalCode "
        "preferredLanguage privacyProfile provisionedPlans securityComplianceNotificationMails "
        "securityComplianceNotificationPhones state street technicalNotificationMails "
        "tenantType verifiedDomains",
        "room": "id address audioDeviceName bookingType building capacity displayDeviceName "
        "displayName emailAddress floorLabel floorNumber geoCoordinates isWheelChairAccessible "
        "label nickname phone placeId tags videoDeviceName",
    }.items()
}


def selected_names(request: Request) -> tuple[str, ...]:
    """The names in $select, without blanks; none if it is absent."""
    parts = request.query.get("$select", "").split(",")
    return tuple(name.strip() for name in parts if name.strip())


def unknown_selected(request: Request, type_name: str) -> Response | None:
    """400 for a $select that names what the type does not have."""
    for name in selected_names(request):
        if name not in KNOWN[type_name]:
            return bad_request(
                request,
                f"Parsing OData Select and Expand failed: Could not find a property named "
                f"'{name}' on type 'microsoft.graph.{type_name}'.",
                "BadRequest",
            )
    return None
