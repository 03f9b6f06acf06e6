"""The control plane: Nomad, Consul, Vault, their hosts and their policies."""
