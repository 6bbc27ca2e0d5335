// The workbook: license position, imports, throttling, failures, cost of running.

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Workspace that the workbook reads.')
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspaceId, 'ledger365')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Ledger365'
    category: 'workbook'
    sourceId: workspaceId
    version: 'Notebook/1.0'
    serializedData: replace(loadTextContent('../workbook.json'), '{workspaceId}', workspaceId)
  }
}
