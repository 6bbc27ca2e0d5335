// Warns before the month's costs pass the budget, and when they are forecast to.

@description('Name of the budget.')
param name string

@description('Costs a month, in the currency of the subscription.')
param amount int

@description('First day of its first month, yyyy-MM-01.')
param start string

@description('Whom to write to; the owners of the resource group are told in any case.')
param email string

var emails = empty(email) ? [] : [
  email
]

resource budget 'Microsoft.Consumption/budgets@2023-11-01' = {
  name: name
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: start
    }
    notifications: {
      actual80: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: emails
        contactRoles: [
          'Owner'
        ]
      }
      forecast100: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: emails
        contactRoles: [
          'Owner'
        ]
      }
    }
  }
}
