"""Nomad, Consul and Vault: what runs on the hosts (`hosts`), and what the three hold (`plan`, `component`)."""
