"""The SKUs that the simulated cloud sells: part number, GUID, title, service plans.

Identifiers and titles are Microsoft's published ones; some products call a
plan otherwise than the rest do.
Source: https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from simulator.service_plans import PLANS, Plan


class Product(NamedTuple):
    """A SKU."""

    sku_id: str
    part_number: str
    title: str
    plans: tuple[Plan, ...]


def _product(
    sku_id: str,
    part_number: str,
    title: str,
    plans: str,
    otherwise: Mapping[str, str] | None = None,
) -> Product:
    """A SKU of the named plans; `otherwise` has the titles by which it alone calls some."""
    titles = otherwise or {}
    included = (PLANS[name] for name in plans.split())
    return Product(
        sku_id,
        part_number,
        title,
        tuple(plan._replace(title=titles.get(plan.name, plan.title)) for plan in included),
    )


PRODUCTS: tuple[Product, ...] = (
    _product(
        "05e9a617-0261-4cee-bb44-138d3ef5d965",
        "SPE_E3",
        "Microsoft 365 E3",
        "UNIVERSAL_PRINT_01 YAMMER_ENTERPRISE WHITEBOARD_PLAN2 SWAY VIVAENGAGE_CORE BPOS_S_TODO_2 "
        "WIN10_PRO_ENT_SUB VIVA_LEARNING_SEEDED Windows_Autopatch INTUNE_A MCOSTANDARD "
        "SHAREPOINTENTERPRISE OFFICESUBSCRIPTION EXCHANGE_S_ENTERPRISE TEAMS1",
    ),
    _product(
        "06ebc4ee-1bb5-47dd-8120-11324bc54e06",
        "SPE_E5",
        "Microsoft 365 E5",
        "Deskless MCOSTANDARD SHAREPOINTENTERPRISE INSIDER_RISK_MANAGEMENT "
        "COMMUNICATIONS_COMPLIANCE PURVIEW_DISCOVERY PROJECT_O365_P3 PREMIUM_ENCRYPTION "
        "BI_AZURE_P2 POWERAPPS_O365_P3 TEAMS1 YAMMER_ENTERPRISE VIVAENGAGE_CORE "
        "EXCHANGE_S_ENTERPRISE OFFICESUBSCRIPTION",
    ),
    _product(
        "66b55226-6b4f-492c-910c-a3b7a3c9d993",
        "SPE_F1",
        "Microsoft 365 F3",
        "FLOW_O365_S1 POWER_VIRTUAL_AGENTS_O365_F1 POWERAPPS_O365_S1 RMS_S_PREMIUM INTUNE_A "
        "DYN365_CDS_O365_F1 WINDOWSUPDATEFORBUSINESS_DEPLOYMENTSERVICE Windows_Autopatch "
        "UNIVERSAL_PRINT_01 YAMMER_ENTERPRISE VIVAENGAGE_CORE MCOIMP SHAREPOINTDESKLESS TEAMS1 "
        "EXCHANGE_S_DESKLESS",
    ),
    _product(
        "6fd2c87f-b296-42f0-b197-1e91e994b900",
        "ENTERPRISEPACK",
        "Office 365 E3",
        "TEAMS1 WHITEBOARD_PLAN2 VIVA_LEARNING_SEEDED VIVAENGAGE_CORE BPOS_S_TODO_2 SWAY "
        "MCOSTANDARD SHAREPOINTENTERPRISE PROJECT_O365_P2 SHAREPOINTWAC EXCHANGE_S_ENTERPRISE "
        "OFFICESUBSCRIPTION YAMMER_ENTERPRISE",
        {
            "TEAMS1": "Microsoft Teams",
        },
    ),
    _product(
        "c7df2760-2c81-4ef7-b578-5b5392b571df",
        "ENTERPRISEPREMIUM",
        "Office 365 E5",
        "WHITEBOARD_PLAN3 VIVA_LEARNING_SEEDED YAMMER_ENTERPRISE VIVAENGAGE_CORE BPOS_S_TODO_3 "
        "DYN365_CDS_O365_P3 SWAY CUSTOMER_KEY CDS_O365_P3 COMMUNICATIONS_DLP OFFICESUBSCRIPTION "
        "EXCHANGE_S_ENTERPRISE MCOSTANDARD SHAREPOINTENTERPRISE BI_AZURE_P2 TEAMS1",
    ),
    _product(
        "18181a46-0d4e-45cd-891e-60aabd171b4e",
        "STANDARDPACK",
        "Office 365 E1",
        "BPOS_S_TODO_1 Nucleus STREAM_O365_E1 RMS_S_BASIC DYN365_CDS_O365_P1 YAMMER_ENTERPRISE "
        "WHITEBOARD_PLAN1 VIVA_LEARNING_SEEDED VIVAENGAGE_CORE SWAY MCOSTANDARD "
        "SHAREPOINTSTANDARD EXCHANGE_S_STANDARD TEAMS1",
    ),
    _product(
        "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46",
        "SPB",
        "Microsoft 365 Business Premium",
        "O365_SB_Relationship_Management POWERAPPS_O365_P1 FLOW_O365_P1 "
        "POWER_VIRTUAL_AGENTS_O365_P3 SHAREPOINTSTANDARD PURVIEW_DISCOVERY INTUNE_O365 "
        "OFFICE_SHARED_COMPUTER_ACTIVATION SHAREPOINTWAC Nucleus TEAMS1 YAMMER_ENTERPRISE "
        "VIVAENGAGE_CORE EXCHANGE_S_STANDARD MCOSTANDARD OFFICE_BUSINESS",
        {
            "SHAREPOINTSTANDARD": "SharePoint (Plan 1)",
        },
    ),
    _product(
        "f245ecc8-75af-4f8e-b61f-27d8114de5f3",
        "O365_BUSINESS_PREMIUM",
        "Microsoft 365 Business Standard",
        "M365_LIGHTHOUSE_CUSTOMER_PLAN1 MICROSOFT_LOOP KAIZALA_O365_P2 FORMS_PLAN_E1 CLIPCHAMP "
        "MICROSOFTBOOKINGS CDS_O365_P2 MYANALYTICS_P2 EXCHANGE_S_STANDARD Bing_Chat_Enterprise "
        "OFFICE_BUSINESS TEAMS1 YAMMER_ENTERPRISE VIVAENGAGE_CORE MCOSTANDARD SHAREPOINTSTANDARD",
        {
            "EXCHANGE_S_STANDARD": "Exchange Online (Plan 1)",
        },
    ),
    _product(
        "4b9405b0-7788-4568-add1-99614e613b69",
        "EXCHANGESTANDARD",
        "Exchange Online (Plan 1)",
        "BPOS_S_TODO_1 INTUNE_O365 EXCHANGE_S_STANDARD",
        {
            "EXCHANGE_S_STANDARD": "Exchange Online (Plan 1)",
        },
    ),
    _product(
        "efccb6f7-5641-4e0e-bd10-b4976e1bf68e",
        "EMS",
        "Enterprise Mobility + Security E3",
        "AAD_PREMIUM RMS_S_PREMIUM ADALLOM_S_DISCOVERY EXCHANGE_S_FOUNDATION RMS_S_ENTERPRISE "
        "MFA_PREMIUM INTUNE_A",
        {
            "RMS_S_PREMIUM": "AZURE INFORMATION PROTECTION PREMIUM P1",
            "INTUNE_A": "MICROSOFT INTUNE",
        },
    ),
    _product(
        "84a661c4-e949-4bd2-a560-ed7766fcaf2b",
        "AAD_PREMIUM_P2",
        "Microsoft Entra ID P2",
        "AAD_PREMIUM ADALLOM_S_DISCOVERY EXCHANGE_S_FOUNDATION MFA_PREMIUM AAD_PREMIUM_P2",
    ),
    _product(
        "f8a1db68-be16-40ed-86d5-cb42ce701560",
        "POWER_BI_PRO",
        "Power BI Pro",
        "BI_AZURE_P2 EXCHANGE_S_FOUNDATION",
        {
            "EXCHANGE_S_FOUNDATION": "Exchange Foundation",
        },
    ),
    _product(
        "a403ebcc-fae0-4ca2-8c8c-7a907fd6c235",
        "POWER_BI_STANDARD",
        "Microsoft Fabric (Free)",
        "PURVIEW_DISCOVERY BI_AZURE_P0 EXCHANGE_S_FOUNDATION",
        {
            "EXCHANGE_S_FOUNDATION": "Exchange Foundation",
        },
    ),
    _product(
        "53818b1b-4a27-454b-8896-0dba576410e6",
        "PROJECTPROFESSIONAL",
        "Planner and Project Plan 3",
        "PROJECT_PROFESSIONAL SHAREPOINT_PROJECT PROJECT_CLIENT_SUBSCRIPTION SHAREPOINTWAC "
        "FLOW_FOR_PROJECT EXCHANGE_S_FOUNDATION SHAREPOINTENTERPRISE DYN365_CDS_PROJECT",
        {
            "SHAREPOINTWAC": "Office for the web",
            "EXCHANGE_S_FOUNDATION": "Exchange Foundation",
        },
    ),
    _product(
        "c5928f49-12ba-48f7-ada3-0d743a3601d5",
        "VISIOCLIENT",
        "Visio Plan 2",
        "EXCHANGE_S_FOUNDATION ONEDRIVE_BASIC VISIO_CLIENT_SUBSCRIPTION VISIOONLINE",
    ),
    _product(
        "639dec6b-bb19-468b-871c-c5c441c4b0cb",
        "Microsoft_365_Copilot",
        "Microsoft Copilot for Microsoft 365",
        "GRAPH_CONNECTORS_COPILOT M365_COPILOT_INTELLIGENT_SEARCH M365_COPILOT_BUSINESS_CHAT "
        "M365_COPILOT_TEAMS M365_COPILOT_CONNECTORS M365_COPILOT_APPS",
    ),
    _product(
        "f30db892-07e9-47e9-837c-80727f46fd3d",
        "FLOW_FREE",
        "Microsoft Power Automate Free",
        "DYN365_CDS_VIRAL EXCHANGE_S_FOUNDATION FLOW_P2_VIRAL",
    ),
    _product(
        "0c266dff-15dd-4b49-8397-2bb16070ed52",
        "MCOMEETADV",
        "Microsoft 365 Audio Conferencing",
        "MCOMEETADV",
    ),
    _product(
        "6070a4c8-34c6-4937-8dfb-39bbc6397a60",
        "MEETING_ROOM",
        "Microsoft Teams Rooms Standard",
        "MCOMEETADV MCOEV TEAMS1 MCOSTANDARD Teams_Room_Standard INTUNE_A WHITEBOARD_PLAN3 "
        "AAD_PREMIUM",
        {
            "TEAMS1": "Microsoft Teams",
            "INTUNE_A": "Microsoft Intune",
            "AAD_PREMIUM": "Microsoft Entra ID Plan 1",
        },
    ),
    _product(
        "6470687e-a428-4b7a-bef2-8a291ad947c9",
        "WINDOWS_STORE",
        "Windows Store for Business",
        "EXCHANGE_S_FOUNDATION WINDOWS_STORE",
    ),
    _product(
        "c2273bd0-dff7-4215-9ef5-2c7bcfb06425",
        "OFFICESUBSCRIPTION",
        "Microsoft 365 Apps for Enterprise",
        "EXCHANGE_S_FOUNDATION OFFICESUBSCRIPTION FORMS_PLAN_E1 MICROSOFT_SEARCH SWAY "
        "SHAREPOINTWAC WHITEBOARD_PLAN2 INTUNE_O365 ONEDRIVESTANDARD",
        {
            "EXCHANGE_S_FOUNDATION": "Exchange Foundation",
        },
    ),
    _product(
        "c1d032e0-5619-4761-9b5c-75b6831e1711",
        "PBI_PREMIUM_PER_USER",
        "Power BI Premium Per User",
        "BI_AZURE_P2 BI_AZURE_P3 EXCHANGE_S_FOUNDATION",
        {
            "EXCHANGE_S_FOUNDATION": "Exchange Foundation",
        },
    ),
    _product(
        "710779e8-3d4a-4c88-adb9-386c958d1fdf",
        "TEAMS_EXPLORATORY",
        "Microsoft Teams Exploratory",
        "CDS_O365_P1 EXCHANGE_S_STANDARD MYANALYTICS_P2 FORMS_PLAN_E1 PROJECTWORKMANAGEMENT "
        "MICROSOFT_SEARCH SHAREPOINTSTANDARD STREAM_O365_E1 TEAMS1 INTUNE_O365 YAMMER_ENTERPRISE "
        "MCO_TEAMS_IW",
        {
            "MYANALYTICS_P2": "INSIGHTS BY MYANALYTICS",
            "FORMS_PLAN_E1": "MICROSOFT FORMS (PLAN E1)",
            "MICROSOFT_SEARCH": "MICROSOFT SEARCH",
            "STREAM_O365_E1": "MICROSOFT STREAM FOR O365 E1 SKU",
            "INTUNE_O365": "MOBILE DEVICE MANAGEMENT FOR OFFICE 365",
        },
    ),
    _product(
        "19ec0d23-8335-4cbd-94ac-6050e30712fa",
        "EXCHANGEENTERPRISE",
        "Exchange Online (Plan 2)",
        "EXCHANGE_S_ENTERPRISE",
    ),
)
BY_PART_NUMBER = {product.part_number: product for product in PRODUCTS}
BY_SKU_ID = {product.sku_id: product for product in PRODUCTS}
