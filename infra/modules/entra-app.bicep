// The API's own app registration in Entra ID: its app roles, and sign-in without a client secret.
extension microsoftGraphV1

@description('Name that admins see.')
param displayName string

@description('Name by which a later deployment finds the registration again.')
param uniqueName string

@description('Host name of the function app.')
param hostName string

@description('Object ID of the function app\'s identity, which signs in place of a client secret.')
param identityPrincipalId string

@description('Object ID of whoever deploys; gets Ledger.Read and Ledger.Manage. Empty: nobody does.')
param deployerId string

var issuer = '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
var exchangeAudiences = {
  AzureCloud: 'api://AzureADTokenExchange'
  AzureUSGovernment: 'api://AzureADTokenExchangeUSGov'
  AzureChinaCloud: 'api://AzureADTokenExchangeChina'
}
// Azure CLI, so that an admin's `az account get-access-token` needs no consent.
var azureCliId = '04b07795-8ddb-461a-bbee-02f9e1bf7b46'
var scopeId = guid(uniqueName, 'user_impersonation')
var roles = [
  {
    value: 'Ledger.Read'
    displayName: 'Read the ledger'
    description: 'See portals, licenses, products, contacts, compliance and runs.'
  }
  {
    value: 'Ledger.Manage'
    displayName: 'Manage the ledger'
    description: 'Connect, change and delete portals, start imports and recalculations, move products.'
  }
  {
    value: 'Ledger.Reclaim'
    displayName: 'Reclaim licenses'
    description: 'Take licenses back from users of the connected tenants, and undo that.'
  }
]
var deployerRoles = empty(deployerId) ? [] : [
  'Ledger.Read'
  'Ledger.Manage'
]

resource app 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: displayName
  signInAudience: 'AzureADMyOrg'
  identifierUris: [
    'api://${tenant().tenantId}/${uniqueName}'
  ]
  web: {
    redirectUris: [
      'https://${hostName}/.auth/login/aad/callback'
    ]
    implicitGrantSettings: {
      enableIdTokenIssuance: true
    }
  }
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: scopeId
        value: 'user_impersonation'
        type: 'User'
        isEnabled: true
        adminConsentDisplayName: 'Use Ledger365'
        adminConsentDescription: 'Use Ledger365 as the signed-in user, with the app roles of that user.'
        userConsentDisplayName: 'Use Ledger365'
        userConsentDescription: 'Use Ledger365 as yourself, with your app roles.'
      }
    ]
    preAuthorizedApplications: [
      {
        appId: azureCliId
        delegatedPermissionIds: [
          scopeId
        ]
      }
    ]
  }
  appRoles: [for role in roles: {
    id: guid(uniqueName, role.value)
    value: role.value
    displayName: role.displayName
    description: role.description
    isEnabled: true
    allowedMemberTypes: [
      'User'
      'Application'
    ]
  }]
}

resource signIn 'Microsoft.Graph/applications/federatedIdentityCredentials@v1.0' = {
  name: '${app.uniqueName}/function-app'
  issuer: issuer
  subject: identityPrincipalId
  audiences: [
    exchangeAudiences[environment().name]
  ]
  description: 'The function app signs in with its managed identity; there is no client secret.'
}

// Nobody gets a token without one of the app roles.
resource servicePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: app.appId
  appRoleAssignmentRequired: true
}

resource deployerAssignments 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [for role in deployerRoles: {
  appRoleId: guid(uniqueName, role)
  principalId: deployerId
  resourceId: servicePrincipal.id
}]

output clientId string = app.appId
output identifierUri string = 'api://${tenant().tenantId}/${uniqueName}'
