// App Service Authentication: only holders of a token of this directory reach the code.

@description('The function app.')
param functionAppName string

@description('Client ID of the API\'s app registration.')
param clientId string

@description('Identifier URI of the API\'s app registration.')
param identifierUri string

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: functionAppName
}

resource authentication 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
      runtimeVersion: '~1'
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      redirectToProvider: 'azureactivedirectory'
      // liveness tells nothing; the console's files are the same for everybody; whoever
      // comes back from a tenant's sign-in page brings a state that serves once
      excludedPaths: [
        '/api/health'
        '/api/authorize/callback'
        '/api/console'
        '/api/console/*'
      ]
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
          clientId: clientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
        }
        validation: {
          allowedAudiences: [
            clientId
            identifierUri
          ]
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}
