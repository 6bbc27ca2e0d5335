"""Serves a function app with the semantics of the Azure Functions host, where Core Tools are absent."""
