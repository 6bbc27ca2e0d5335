"""Load and faults at once, and afterwards a look at every table; `make torture`."""
