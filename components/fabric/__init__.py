"""The WireGuard fabric between machines, and the ground state of each host that stands on it."""
