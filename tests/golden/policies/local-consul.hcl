# anonymous: names of machines and services, for the resolver of every host
node_prefix "" {
  policy = "read"
}
service_prefix "" {
  policy = "read"
}

# host-services: what every host registers about itself
service "node-exporter" {
  policy = "write"
}

# nomad-services: Nomad registers what jobs offer, wherever they run
agent_prefix "" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
service_prefix "" {
  policy = "write"
}

# observer: looks at everything but keys and tokens
operator = "read"
agent_prefix "" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
service_prefix "" {
  policy = "read"
}
session_prefix "" {
  policy = "read"
}

# vault-service: the agents of control hosts register Vault and its health
service "vault" {
  policy = "write"
}

