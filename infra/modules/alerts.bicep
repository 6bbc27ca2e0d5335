// Alert rules on the ledger's telemetry; docs/operations.md says what to do about each.

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Workspace that the queries read.')
param workspaceId string

@description('Whom to write to; empty for nobody.')
param email string

@description('Minutes without a recalculation after which it counts as overdue: the longest gap of RECALCULATION_SCHEDULE and 90 minutes.')
param overdueMinutes int = 390

@description('Hours in which a second failure of an import counts: twice the longest gap of IMPORT_SCHEDULE and 2 hours.')
param importHours int = 10

// Times are ISO 8601 durations: how often a rule is evaluated, and how far back its query looks.
var rules = [
  {
    name: 'import-failed-twice'
    title: 'Import failed twice'
    description: 'The import of a portal failed in two rounds: its licenses and users grow stale.'
    query: replace(loadTextContent('../queries/import-failed-twice.kql'), 'IMPORT_HOURS', string(importHours))
    severity: 2
    every: 'PT1H'
    window: 'P1D'
    byPortal: true
  }
  {
    name: 'recalculation-overdue'
    title: 'Recalculation overdue'
    description: 'Compliance was not recalculated in time, or the function app does not run.'
    query: replace(loadTextContent('../queries/recalculation-overdue.kql'), 'OVERDUE_MINUTES', string(overdueMinutes))
    severity: 1
    every: 'PT15M'
    window: 'PT1H'
    byPortal: false
  }
  {
    name: 'poison-queue-not-empty'
    title: 'Poison queue not empty'
    description: 'A message was given up after five attempts: a defect, or a worker that died.'
    query: loadTextContent('../queries/poison-queue-not-empty.kql')
    severity: 2
    every: 'PT15M'
    window: 'PT1H'
    byPortal: false
  }
  {
    name: 'secret-expiring'
    title: 'Secret expiring'
    description: 'The credential of a portal expires soon; without it nothing is imported.'
    query: loadTextContent('../queries/secret-expiring.kql')
    severity: 3
    every: 'PT6H'
    window: 'P1D'
    byPortal: false
  }
  {
    name: 'throttled'
    title: 'Throttled over 5 %'
    description: 'Microsoft Graph turned more than 5 % of a tenant\'s requests away.'
    query: loadTextContent('../queries/throttled.kql')
    severity: 3
    every: 'PT15M'
    window: 'PT1H'
    byPortal: true
  }
]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ledger365'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'Ledger365'
    emailReceivers: [
      {
        name: 'operator'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: 'ledger365-${rule.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Ledger365: ${rule.title}'
    description: rule.description
    severity: rule.severity
    enabled: true
    autoMitigate: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: rule.every
    windowSize: rule.window
    // a new workspace has no telemetry yet, so its tables may not be known
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: rule.byPortal ? [
            {
              name: 'portal_id'
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ] : []
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: empty(email) ? [] : [
        group.id
      ]
    }
  }
}]
