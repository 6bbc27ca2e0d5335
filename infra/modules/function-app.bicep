// The function app on Flex Consumption: no keys anywhere, every setting that the code reads.

@description('Name of the function app; its host name follows from it.')
param name string

@description('Name of the plan.')
param planName string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Python version.')
param pythonVersion string

@description('Memory of an instance.')
param instanceMemoryMB int

@description('Most instances at once.')
param maximumInstanceCount int

@description('Resource ID of the identity.')
param identityId string

@description('Client ID of the identity.')
param identityClientId string

@description('The storage account.')
param storageAccountName string

@description('Container of the code.')
param deploymentContainerName string

@description('Address of the Key Vault.')
param keyVaultUri string

@description('The Application Insights component.')
param componentName string

@description('Workspace that receives the host\'s log.')
param workspaceId string

@description('Subnet that the instances join; empty for none.')
param subnetId string

@description('Whether App Service Authentication guards the API.')
param authentication bool

@description('Whether the instances are spread over zones; some regions have none.')
param zoneRedundant bool

@description('App settings that differ from the defaults below.')
param settings object

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageAccountName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

// The settings that the code reads, with the defaults that a local host gets too; docs/operations.md
// says what each does. Left out is what a host on a developer's machine alone is told.
var example = loadJsonContent('../../local.settings.example.json')
var localOnly = [
  'FUNCTIONS_WORKER_RUNTIME'
  'AzureWebJobsStorage'
]
var shared = filter(items(example.Values), setting => !contains(localOnly, setting.key))
var defaults = toObject(shared, setting => setting.key, setting => setting.value)

// What follows from this deployment, and is nobody's to change.
var bindings = {
  KEY_VAULT_URL: keyVaultUri
  KEY_VAULT_VERIFY_CHALLENGE: 'true'
  APP_SERVICE_AUTHENTICATION: string(authentication)
  // the Functions host and storage/factory.py
  AzureWebJobsStorage__blobServiceUri: account.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: account.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: account.properties.primaryEndpoints.table
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  // azure-identity: which identity DefaultAzureCredential takes
  AZURE_CLIENT_ID: identityClientId
  // the host's telemetry
  APPLICATIONINSIGHTS_CONNECTION_STRING: component.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // App Service Authentication signs its token requests as this identity, instead of a client secret
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  // azd finds the app of its service `api` by this tag
  tags: union(tags, {
    'azd-service-name': 'api'
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${account.properties.primaryEndpoints.blob}${deploymentContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        alwaysReady: []
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'appsettings'
  properties: union(defaults, {
    // a domain of your own goes into `settings`
    PUBLIC_URL: 'https://${app.properties.defaultHostName}'
  }, settings, bindings)
}

// No passwords for deployments either; azd uses Entra ID.
resource ftpPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'FunctionAppLogs'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

output name string = app.name
output hostName string = app.properties.defaultHostName
