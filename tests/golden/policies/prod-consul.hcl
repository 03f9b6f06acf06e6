# resin-anonymous: names of machines and services, for the resolver of every host
node_prefix "" {
  policy = "read"
}
service_prefix "" {
  policy = "read"
}

# resin-nomad-client: Nomad where jobs run
agent_prefix "" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
service_prefix "" {
  policy = "write"
}

# resin-nomad-server: Nomad on control hosts
agent_prefix "" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
service_prefix "" {
  policy = "write"
}

# resin-vault-server: the agents of control hosts register Vault and its health
service "vault" {
  policy = "write"
}

# void-node-exporter: every host registers where its metrics are
service "node-exporter" {
  policy = "write"
}

