# host-a-fra-de: tokens that a-fra-de takes for its own agents
path "consul/creds/agent-a-fra-de" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-a-fsn-de: tokens that a-fsn-de takes for its own agents
path "consul/creds/agent-a-fsn-de" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-a-hel-fi: tokens that a-hel-fi takes for its own agents
path "consul/creds/agent-a-hel-fi" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-a-sea-us: tokens that a-sea-us takes for its own agents
path "consul/creds/agent-a-sea-us" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-a-sfo3-us: tokens that a-sfo3-us takes for its own agents
path "consul/creds/agent-a-sfo3-us" {
  capabilities = ["read"]
}

# host-b-fsn-de: tokens that b-fsn-de takes for its own agents
path "consul/creds/agent-b-fsn-de" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-b-hel-fi: tokens that b-hel-fi takes for its own agents
path "consul/creds/agent-b-hel-fi" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-b-lej-de: tokens that b-lej-de takes for its own agents
path "consul/creds/agent-b-lej-de" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-c-hel-fi: tokens that c-hel-fi takes for its own agents
path "consul/creds/agent-c-hel-fi" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-d-hel-fi: tokens that d-hel-fi takes for its own agents
path "consul/creds/agent-d-hel-fi" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-e-hel-fi: tokens that e-hel-fi takes for its own agents
path "consul/creds/agent-e-hel-fi" {
  capabilities = ["read"]
}
path "consul/creds/nomad-server" {
  capabilities = ["read"]
}

# host-f-hel-fi: tokens that f-hel-fi takes for its own agents
path "consul/creds/agent-f-hel-fi" {
  capabilities = ["read"]
}
path "consul/creds/nomad-server" {
  capabilities = ["read"]
}

# host-g-hel-fi: tokens that g-hel-fi takes for its own agents
path "consul/creds/agent-g-hel-fi" {
  capabilities = ["read"]
}
path "consul/creds/nomad-server" {
  capabilities = ["read"]
}

# host-h-hel-fi: tokens that h-hel-fi takes for its own agents
path "consul/creds/agent-h-hel-fi" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-i-hel-fi: tokens that i-hel-fi takes for its own agents
path "consul/creds/agent-i-hel-fi" {
  capabilities = ["read"]
}

# host-j-hel-fi: tokens that j-hel-fi takes for its own agents
path "consul/creds/agent-j-hel-fi" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# resin-consul-root: all tokens of Consul, and its engine
path "consul/*" {
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}

# resin-nomad-root: all tokens of Nomad, and its engine
path "nomad/*" {
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}

# resin-root: keeps Vault itself
path "auth/*" {
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}
path "secret/*" {
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}
path "sys/audit" {
  capabilities = ["read", "sudo"]
}
path "sys/audit/*" {
  capabilities = ["create", "update", "delete", "sudo"]
}
path "sys/auth" {
  capabilities = ["read"]
}
path "sys/auth/*" {
  capabilities = ["create", "update", "delete", "sudo"]
}
path "sys/health" {
  capabilities = ["read", "sudo"]
}
path "sys/leases/*" {
  capabilities = ["create", "read", "update", "list", "sudo"]
}
path "sys/mounts" {
  capabilities = ["read"]
}
path "sys/mounts/*" {
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}
path "sys/plugins/*" {
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}
path "sys/policies/acl" {
  capabilities = ["read", "list"]
}
path "sys/policies/acl/*" {
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}
path "sys/remount" {
  capabilities = ["update", "sudo"]
}
path "sys/seal" {
  capabilities = ["update", "sudo"]
}
path "sys/step-down" {
  capabilities = ["update", "sudo"]
}
path "sys/storage/raft/*" {
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}

# void-nomad-apps-admin: tokens for the applications
path "nomad/creds/apps-admin" {
  capabilities = ["read"]
}

# void-nomad-apps-restricted-admin: tokens for the restricted applications
path "nomad/creds/apps-restricted-admin" {
  capabilities = ["read"]
}

# void-secrets-admin: all secrets
path "secret/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

