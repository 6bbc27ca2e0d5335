"""The service plans of the SKUs that the simulated cloud sells, by name.

Source: https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
"""

from __future__ import annotations

from typing import NamedTuple


class Plan(NamedTuple):
    """A service plan."""

    plan_id: str
    name: str
    title: str


_ALL = (
    Plan("41781fb2-bc02-4b7c-bd55-b576c07bb09d", "AAD_PREMIUM", "Microsoft Entra ID P1"),
    Plan("eec0eb4f-6444-4f95-aba0-50c24d67f998", "AAD_PREMIUM_P2", "Microsoft Entra ID P2"),
    Plan(
        "932ad362-64a8-4783-9106-97849a1a30b9",
        "ADALLOM_S_DISCOVERY",
        "CLOUD APP SECURITY DISCOVERY",
    ),
    Plan("2049e525-b859-401b-b2a0-e0a31c4b1fe4", "BI_AZURE_P0", "Power BI (free)"),
    Plan("70d33638-9c74-4d01-bfd3-562de28bd4ba", "BI_AZURE_P2", "Power BI Pro"),
    Plan("0bf3c642-7bb5-4ccc-884e-59d09df0266c", "BI_AZURE_P3", "Power BI Premium Per User"),
    Plan(
        "0d0c0d31-fae7-41f2-b909-eaf4d7f26dba",
        "Bing_Chat_Enterprise",
        "Commercial data protection for Microsoft Copilot",
    ),
    Plan("5e62787c-c316-451f-b873-1d05acd4d12c", "BPOS_S_TODO_1", "To-Do (Plan 1)"),
    Plan("c87f142c-d1e9-4363-8630-aaea9c4d9ae5", "BPOS_S_TODO_2", "To-Do (Plan 2)"),
    Plan("3fb82609-8c27-4f7b-bd51-30634711ee67", "BPOS_S_TODO_3", "To-Do (Plan 3)"),
    Plan("bed136c6-b799-4462-824d-fc045d3a9d25", "CDS_O365_P1", "COMMON DATA SERVICE FOR TEAMS_P1"),
    Plan("95b76021-6a53-4741-ab8b-1d1f3d66a95a", "CDS_O365_P2", "Common Data Service for Teams"),
    Plan("afa73018-811e-46e9-988f-f75d2b1b8430", "CDS_O365_P3", "Common Data Service for Teams_P3"),
    Plan("a1ace008-72f3-4ea0-8dac-33b3a23a2472", "CLIPCHAMP", "Microsoft Clipchamp"),
    Plan(
        "41fcdd7d-4733-4863-9cf4-c65b83ce2df4",
        "COMMUNICATIONS_COMPLIANCE",
        "RETIRED - Microsoft Communications Compliance",
    ),
    Plan(
        "6dc145d6-95dd-4191-b9c3-185575ee6f6b", "COMMUNICATIONS_DLP", "Microsoft Communications DLP"
    ),
    Plan("6db1f1db-2b46-403f-be40-e39395f08dbb", "CUSTOMER_KEY", "Microsoft Customer Key"),
    Plan("8c7d2df8-86f0-4902-b2ed-a0458298f3b3", "Deskless", "Microsoft StaffHub"),
    Plan("ca6e61ec-d4f4-41eb-8b88-d96e0e14323f", "DYN365_CDS_O365_F1", "Common Data Service"),
    Plan("40b010bb-0b69-4654-ac5e-ba161433f4b4", "DYN365_CDS_O365_P1", "Common Data Service"),
    Plan(
        "28b0fa46-c39a-4188-89e2-58e979a6b014",
        "DYN365_CDS_O365_P3",
        "Common Data Service - O365 P3",
    ),
    Plan(
        "50554c47-71d9-49fd-bc54-42a2765c555c",
        "DYN365_CDS_PROJECT",
        "Common Data Service for Project",
    ),
    Plan("17ab22cd-a0b3-4536-910a-cb6eb12696c0", "DYN365_CDS_VIRAL", "COMMON DATA SERVICE"),
    Plan("4a82b400-a79f-41a4-b4e2-e94f5787b113", "EXCHANGE_S_DESKLESS", "Exchange Online Kiosk"),
    Plan(
        "efb87545-963c-4e0d-99df-69c6916d9eb0", "EXCHANGE_S_ENTERPRISE", "EXCHANGE ONLINE (PLAN 2)"
    ),
    Plan("113feb6c-3fe4-4440-bddc-54d774bf0318", "EXCHANGE_S_FOUNDATION", "EXCHANGE FOUNDATION"),
    Plan("9aaf7827-d63c-4b61-89c3-182f06f82e5c", "EXCHANGE_S_STANDARD", "EXCHANGE ONLINE (PLAN 1)"),
    Plan("fa200448-008c-4acb-abd4-ea106ed2199d", "FLOW_FOR_PROJECT", "Flow for Project"),
    Plan("0f9b09cb-62d1-4ff4-9129-43f4996f83f4", "FLOW_O365_P1", "Power Automate for Office 365"),
    Plan(
        "bd91b1a4-9f94-4ecf-b45b-3a65e5c8128a", "FLOW_O365_S1", "Power Automate for Office 365 F3"
    ),
    Plan("50e68c76-46c6-4674-81f9-75456511b170", "FLOW_P2_VIRAL", "FLOW FREE"),
    Plan("159f4cd6-e380-449f-a816-af1a9ef76344", "FORMS_PLAN_E1", "Microsoft Forms (Plan E1)"),
    Plan(
        "82d30987-df9b-4486-b146-198b21d164c7",
        "GRAPH_CONNECTORS_COPILOT",
        "Graph Connectors in Microsoft 365 Copilot",
    ),
    Plan(
        "9d0c4ee5-e4a1-4625-ab39-d82b619b1a34",
        "INSIDER_RISK_MANAGEMENT",
        "RETIRED - Microsoft Insider Risk Management",
    ),
    Plan("c1ec4a95-1f05-45b3-a911-aa3fa01094f5", "INTUNE_A", "Microsoft Intune Plan 1"),
    Plan(
        "882e1d05-acd1-4ccb-8708-6ee03664b117",
        "INTUNE_O365",
        "Mobile Device Management for Office 365",
    ),
    Plan("54fc630f-5a40-48ee-8965-af0503c1386e", "KAIZALA_O365_P2", "Microsoft Kaizala Pro"),
    Plan(
        "a62f8878-de10-42f3-b68f-6149a25ceb97",
        "M365_COPILOT_APPS",
        "Microsoft 365 Copilot in Productivity Apps",
    ),
    Plan(
        "3f30311c-6b1e-48a4-ab79-725b469da960", "M365_COPILOT_BUSINESS_CHAT", "Microsoft 365 Chat"
    ),
    Plan(
        "89f1c4c8-0878-40f7-804d-869c9128ab5d",
        "M365_COPILOT_CONNECTORS",
        "Power Platform Connectors in Microsoft 365 Copilot",
    ),
    Plan(
        "931e4a88-a67f-48b5-814f-16a5f1e6028d",
        "M365_COPILOT_INTELLIGENT_SEARCH",
        "Intelligent Search",
    ),
    Plan(
        "b95945de-b3bd-46db-8437-f2beb6ea2347",
        "M365_COPILOT_TEAMS",
        "Microsoft 365 Copilot in Microsoft Teams",
    ),
    Plan(
        "6f23d6a9-adbf-481c-8538-b4c095654487",
        "M365_LIGHTHOUSE_CUSTOMER_PLAN1",
        "Microsoft 365 Lighthouse (Plan 1)",
    ),
    Plan("42a3ec34-28ba-46b6-992f-db53a675ac5b", "MCO_TEAMS_IW", "MICROSOFT TEAMS"),
    Plan("4828c8ec-dc2e-4779-b502-87ac9ce28ab7", "MCOEV", "Microsoft 365 Phone System"),
    Plan("afc06cb0-b4f4-4473-8286-d644f70d8faf", "MCOIMP", "Skype for Business Online (Plan 1)"),
    Plan("3e26ee1f-8a5f-4d52-aee2-b81ce45c8f40", "MCOMEETADV", "Microsoft 365 Audio Conferencing"),
    Plan(
        "0feaeb32-d00e-4d66-bd5a-43b5b83db82c", "MCOSTANDARD", "Skype for Business Online (Plan 2)"
    ),
    Plan(
        "8a256a2b-b617-496d-b51b-e76466e88db0",
        "MFA_PREMIUM",
        "MICROSOFT AZURE MULTI-FACTOR AUTHENTICATION",
    ),
    Plan("c4b8c31a-fb44-4c65-9837-a21f55fcabda", "MICROSOFT_LOOP", "Microsoft Loop"),
    Plan("94065c59-bc8e-4e8b-89e5-5138d471eaff", "MICROSOFT_SEARCH", "Microsoft Search"),
    Plan("199a5c09-e0ca-4e37-8f7c-b05d533e1ea2", "MICROSOFTBOOKINGS", "Microsoft Bookings"),
    Plan("33c4f319-9bdd-48d6-9c4d-410b750a4a5a", "MYANALYTICS_P2", "Insights by MyAnalytics"),
    Plan("db4d623d-b514-490b-b7ef-8885eee514de", "Nucleus", "Nucleus"),
    Plan(
        "5bfe124c-bbdc-4494-8835-f1297d457d79",
        "O365_SB_Relationship_Management",
        "RETIRED - Outlook Customer Manager",
    ),
    Plan(
        "094e7854-93fc-4d55-b2c0-3ab5369ebdc1", "OFFICE_BUSINESS", "Microsoft 365 Apps for business"
    ),
    Plan(
        "276d6e8a-f056-4f70-b7e8-4fc27f79f809",
        "OFFICE_SHARED_COMPUTER_ACTIVATION",
        "Office Shared Computer Activation",
    ),
    Plan(
        "43de0ff5-c92c-492b-9116-175376d08c38",
        "OFFICESUBSCRIPTION",
        "Microsoft 365 Apps for Enterprise",
    ),
    Plan("da792a53-cbc0-4184-a10d-e544dd34b3c1", "ONEDRIVE_BASIC", "ONEDRIVE FOR BUSINESS BASIC"),
    Plan(
        "13696edf-5a08-49f6-8134-03083ed8ba30", "ONEDRIVESTANDARD", "OneDrive for Business (Plan 1)"
    ),
    Plan(
        "ba2fdb48-290b-4632-b46a-e4ecc58ac11a",
        "POWER_VIRTUAL_AGENTS_O365_F1",
        "Power Virtual Agents for Office 365",
    ),
    Plan(
        "ded3d325-1bdc-453e-8432-5bac26d7a014",
        "POWER_VIRTUAL_AGENTS_O365_P3",
        "Power Virtual Agents for Office 365",
    ),
    Plan("92f7a6f3-b89b-4bbd-8c30-809e6da5ad1c", "POWERAPPS_O365_P1", "Power Apps for Office 365"),
    Plan(
        "9c0dab89-a30c-4117-86e7-97bda240acd2",
        "POWERAPPS_O365_P3",
        "Power Apps for Office 365 (Plan 3)",
    ),
    Plan(
        "e0287f9f-e222-4f98-9a83-f379e249159a", "POWERAPPS_O365_S1", "Power Apps for Office 365 F3"
    ),
    Plan(
        "617b097b-4b93-4ede-83de-5f075bb5fb2f",
        "PREMIUM_ENCRYPTION",
        "Premium Encryption in Office 365",
    ),
    Plan(
        "fafd7243-e5c1-4a3a-9e40-495efcb1d3c3",
        "PROJECT_CLIENT_SUBSCRIPTION",
        "Project Online Desktop Client",
    ),
    Plan("31b4e2fc-4cd6-4e7d-9c1b-41407303bd66", "PROJECT_O365_P2", "Project for Office (Plan E3)"),
    Plan("b21a6b06-1988-436e-a07b-51ec6d9f52ad", "PROJECT_O365_P3", "Project for Office (Plan E5)"),
    Plan("818523f5-016b-4355-9be8-ed6944946ea7", "PROJECT_PROFESSIONAL", "Project P3"),
    Plan("b737dad2-2f6c-4c65-90e3-ca563267e8b9", "PROJECTWORKMANAGEMENT", "MICROSOFT PLANNER"),
    Plan("c948ea65-2053-4a5a-8a62-9eaaaf11b522", "PURVIEW_DISCOVERY", "Purview Discovery"),
    Plan(
        "31cf2cfc-6b0d-4adc-a336-88b724ed8122",
        "RMS_S_BASIC",
        "Microsoft Azure Rights Management Service",
    ),
    Plan("bea4c11e-220a-4e6d-8eb8-8ea15d019f90", "RMS_S_ENTERPRISE", "Microsoft Entra RIGHTS"),
    Plan(
        "6c57d4b6-3b23-47a5-9bc9-69f17b4947b3",
        "RMS_S_PREMIUM",
        "Azure Information Protection Premium P1",
    ),
    Plan("fe71d6c3-a2ea-4499-9778-da042bf08063", "SHAREPOINT_PROJECT", "Project Online Service"),
    Plan("902b47e5-dcb2-4fdc-858b-c63a90a2bdb9", "SHAREPOINTDESKLESS", "SharePoint Kiosk"),
    Plan("5dbe027f-2339-4123-9542-606e4d348a72", "SHAREPOINTENTERPRISE", "SharePoint (Plan 2)"),
    Plan("c7699d2e-19aa-44de-8edf-1736da088ca1", "SHAREPOINTSTANDARD", "SHAREPOINT STANDARD"),
    Plan("e95bec33-7c88-4a70-8e19-b10bd9d0c014", "SHAREPOINTWAC", "Office for the Web"),
    Plan(
        "743dd19e-1ce3-4c62-a3ad-49ba8f63a2f6",
        "STREAM_O365_E1",
        "Microsoft Stream for Office 365 E1",
    ),
    Plan("a23b959c-7ce8-4e57-9140-b90eb88a9e97", "SWAY", "Sway"),
    Plan("57ff2da0-773e-42df-b2af-ffb7a2317929", "TEAMS1", "MICROSOFT TEAMS"),
    Plan("92c6b761-01de-457a-9dd9-793a975238f7", "Teams_Room_Standard", "Teams Room Standard"),
    Plan("795f6fe0-cc4d-4773-b050-5dde4dc704c9", "UNIVERSAL_PRINT_01", "Universal Print"),
    Plan("663a804f-1c30-4ff0-9915-9db84f0d1cea", "VISIO_CLIENT_SUBSCRIPTION", "VISIO DESKTOP APP"),
    Plan("2bdbaf8f-738f-4ac7-9234-3c3ee2ce7d0f", "VISIOONLINE", "VISIO WEB APP"),
    Plan("b76fb638-6ba6-402a-b9f9-83d28acb3d86", "VIVA_LEARNING_SEEDED", "Viva Learning Seeded"),
    Plan("a82fbf69-b4d7-49f4-83a6-915b2cf354f4", "VIVAENGAGE_CORE", "Viva Engage Core"),
    Plan("b8afc642-032e-4de5-8c0a-507a7bba7e5d", "WHITEBOARD_PLAN1", "Whiteboard (Plan 1)"),
    Plan("94a54592-cd8b-425e-87c6-97868b000b91", "WHITEBOARD_PLAN2", "Whiteboard (Plan 2)"),
    Plan("4a51bca5-1eff-43f5-878c-177680f191af", "WHITEBOARD_PLAN3", "Whiteboard (Plan 3)"),
    Plan(
        "21b439ba-a0ca-424f-a6cc-52f954a5b111",
        "WIN10_PRO_ENT_SUB",
        "Windows 10/11 Enterprise (Original)",
    ),
    Plan("9a6eeb79-0b4b-4bf0-9808-39d99a2cd5a3", "Windows_Autopatch", "Windows Autopatch"),
    Plan("a420f25f-a7b3-4ff5-a9d0-5d58f73b537d", "WINDOWS_STORE", "WINDOWS STORE SERVICE"),
    Plan(
        "7bf960f6-2cd9-443a-8046-5dbff9558365",
        "WINDOWSUPDATEFORBUSINESS_DEPLOYMENTSERVICE",
        "Windows Update for Business Deployment Service",
    ),
    Plan("7547a3fe-08ee-4ccb-b430-5077c5041653", "YAMMER_ENTERPRISE", "Yammer Enterprise"),
)
PLANS = {plan.name: plan for plan in _ALL}
