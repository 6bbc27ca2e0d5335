"""A simulated Microsoft cloud on loopback: Entra, Graph, Key Vault, and a control endpoint."""
