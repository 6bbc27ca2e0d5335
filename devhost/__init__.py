"""Serves a function app as the Azure Functions host would, on a machine without Core Tools."""
