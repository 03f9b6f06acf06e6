"""Our own provider for hosts: Metal (first contact), Identity (keys born on a host), State (desired state)."""
