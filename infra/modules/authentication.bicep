// App Service Authentication: only holders of a token of this directory reach the code. Off, it is told so:
// a deployment removes nothing that an earlier one made.

@description('The function app.')
param functionAppName string

@description('Whether callers are signed in; otherwise function keys guard the API.')
param enabled bool

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
      enabled: enabled
      runtimeVersion: '~1'
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      redirectToProvider: 'azureactivedirectory'
      // What tells nothing of the ledger: liveness, the API's description, the console's files; and the
      // page to which another tenant's administrator returns, whom the one-time state of the sign-in stands for.
      excludedPaths: [
        '/api/authorize/callback'
        '/api/health'
        '/api/openapi.json'
        '/api/console'
        '/api/console/*'
      ]
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: !enabled ? {} : {
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
