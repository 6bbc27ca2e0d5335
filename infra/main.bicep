// Ledger365 in a subscription of its owner: `azd up` deploys this, then the code.
targetScope = 'subscription'

@description('Name of the azd environment; it names the resource group and tells deployments apart.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Azure region of every resource. It must offer Flex Consumption.')
@minLength(1)
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Object ID of whoever deploys; gets the app roles Ledger.Read and Ledger.Manage. Empty: nobody does.')
param principalId string = ''

@description('Tags of every resource.')
param tags object = {}

@description('Python of the function app.')
@allowed([
  '3.11'
  '3.12'
  '3.13'
])
param pythonVersion string = '3.11'

@description('Memory of an instance. 512 is enough for tenants up to some 100,000 users.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('Most instances that run at once; this bounds both speed and cost.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Whether the instances are spread over availability zones; not every region offers it.')
param zoneRedundant bool = false

@description('App settings that differ from their defaults, by name; docs/operations.md has them all.')
param settings object = {}

@description('Replication of the storage account. Regions without a pair know no GRS: use Standard_ZRS there.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param storageSku string = 'Standard_GRS'

@description('Days that logs and telemetry are kept.')
@minValue(30)
@maxValue(730)
param retentionDays int = 30

@description('Gigabytes of telemetry a day at most; what exceeds it is dropped. -1 lifts the bound.')
param dailyQuotaGb int = 5

@description('Whether storage and vault are reached through private endpoints only.')
param privateNetwork bool = false

@description('Addresses of the virtual network, a /24 or larger, where privateNetwork is on.')
param vnetAddressPrefix string = '10.36.5.0/24'

@description('Whether App Service Authentication and Entra app roles guard the API; otherwise function keys do.')
param authentication bool = true

@description('Client ID of an app registration made by hand, with the app roles of modules/entra-app.bicep. Empty: one is made.')
param authClientId string = ''

@description('Address that alerts and the budget write to. Empty: alerts show in the Azure portal only.')
param alertEmail string = ''

@description('Monthly costs of the resource group, in the currency of the subscription, above which the budget warns. 0: no budget; some kinds of subscription allow none.')
@minValue(0)
param budgetAmount int = 50

@description('First day of the budget\'s first month, yyyy-MM-01. Azure lets nobody change it later: the first deployment\'s value is kept by azd.')
param budgetStart string = ''

@description('Whether to take back the deleted Key Vault of an earlier deployment of the same name.')
param recoverKeyVault bool = false

@description('The month of the deployment; not to be given.')
param currentMonth string = utcNow('yyyy-MM')

var token = toLower(uniqueString(subscription().id, environmentName, location))
var allTags = union(tags, {
  'azd-env-name': environmentName
  app: 'ledger365'
})
var firstOfMonth = empty(budgetStart) ? '${currentMonth}-01' : budgetStart
var functionAppName = 'func-ledger365-${token}'

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-ledger365-${token}'
    location: location
    tags: allTags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: 'log-ledger365-${token}'
    componentName: 'appi-ledger365-${token}'
    location: location
    tags: allTags
    retentionDays: retentionDays
    dailyQuotaGb: dailyQuotaGb
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: {
    name: 'vnet-ledger365-${token}'
    location: location
    tags: allTags
    addressPrefix: vnetAddressPrefix
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: take('stledger${token}', 24)
    location: location
    tags: allTags
    skuName: storageSku
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    workspaceId: monitoring.outputs.workspaceId
  }
}

module keyVault 'modules/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    name: take('kv-ledger-${token}', 24)
    location: location
    tags: allTags
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    recover: recoverKeyVault
    workspaceId: monitoring.outputs.workspaceId
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (privateNetwork) {
  name: 'private-endpoints'
  scope: group
  params: {
    location: location
    tags: allTags
    subnetId: privateNetwork ? network!.outputs.endpointSubnetId : ''
    vnetId: privateNetwork ? network!.outputs.vnetId : ''
    storageAccountName: storage.outputs.name
    keyVaultName: keyVault.outputs.name
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    storageAccountName: storage.outputs.name
    containerNames: storage.outputs.containerNames
    keyVaultName: keyVault.outputs.name
    componentName: monitoring.outputs.componentName
  }
}

module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    name: functionAppName
    planName: 'plan-ledger365-${token}'
    location: location
    tags: allTags
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageAccountName: storage.outputs.name
    deploymentContainerName: storage.outputs.deploymentContainerName
    keyVaultUri: keyVault.outputs.uri
    componentName: monitoring.outputs.componentName
    workspaceId: monitoring.outputs.workspaceId
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    authentication: authentication
    zoneRedundant: zoneRedundant
    settings: settings
  }
  dependsOn: [
    roles
    privateEndpoints
  ]
}

module entraApp 'modules/entra-app.bicep' = if (authentication && empty(authClientId)) {
  name: 'entra-app'
  scope: group
  params: {
    displayName: 'Ledger365 (${environmentName})'
    uniqueName: 'ledger365-${token}'
    hostName: functionApp.outputs.hostName
    identityPrincipalId: identity.outputs.principalId
    deployerId: principalId
  }
}

// Deployed either way: what was on must be switched off.
module appAuthentication 'modules/authentication.bicep' = {
  name: 'authentication'
  scope: group
  params: {
    functionAppName: functionApp.outputs.name
    enabled: authentication
    clientId: authentication && empty(authClientId) ? entraApp!.outputs.clientId : authClientId
    identifierUri: authentication && empty(authClientId) ? entraApp!.outputs.identifierUri : 'api://${authClientId}'
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    email: alertEmail
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module budget 'modules/budget.bicep' = if (budgetAmount > 0) {
  name: 'budget'
  scope: group
  params: {
    name: 'budget-ledger365-${token}'
    amount: budgetAmount
    start: firstOfMonth
    email: alertEmail
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP_NAME string = functionApp.outputs.name
output API_URL string = 'https://${functionApp.outputs.hostName}/api'
output API_SCOPE string = !authentication ? '' : empty(authClientId) ? '${entraApp!.outputs.identifierUri}/.default' : 'api://${authClientId}/.default'
output API_CLIENT_ID string = !authentication ? '' : empty(authClientId) ? entraApp!.outputs.clientId : authClientId
output KEY_VAULT_NAME string = keyVault.outputs.name
output STORAGE_ACCOUNT_NAME string = storage.outputs.name
output BUDGET_START string = firstOfMonth
