# apps-admin: tokens and secrets for the applications
path "nomad/creds/apps-admin" {
  capabilities = ["read"]
}
path "secret/data/apps/*" {
  capabilities = ["create", "read", "update", "delete"]
}
path "secret/metadata/apps/*" {
  capabilities = ["read", "list"]
}

# consul-admin: all tokens of Consul, and its engine
path "consul/*" {
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}

# host-a-ams-nl: tokens that a-ams-nl takes for its own agents
path "consul/creds/agent-a-ams-nl" {
  capabilities = ["read"]
}
path "consul/creds/nomad-server" {
  capabilities = ["read"]
}

# host-a-bru-be: tokens that a-bru-be takes for its own agents
path "consul/creds/agent-a-bru-be" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-a-fra-de: tokens that a-fra-de takes for its own agents
path "consul/creds/agent-a-fra-de" {
  capabilities = ["read"]
}
path "consul/creds/nomad-server" {
  capabilities = ["read"]
}

# host-a-grq-nl: tokens that a-grq-nl takes for its own agents
path "consul/creds/agent-a-grq-nl" {
  capabilities = ["read"]
}
path "consul/creds/nomad-server" {
  capabilities = ["read"]
}

# host-a-nyc-us: tokens that a-nyc-us takes for its own agents
path "consul/creds/agent-a-nyc-us" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# host-a-pdx-us: tokens that a-pdx-us takes for its own agents
path "consul/creds/agent-a-pdx-us" {
  capabilities = ["read"]
}
path "consul/creds/nomad-client" {
  capabilities = ["read"]
}

# nomad-admin: all tokens of Nomad, and its engine
path "nomad/*" {
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}

# observer: tokens for looking
path "consul/creds/observer" {
  capabilities = ["read"]
}
path "nomad/creds/observer" {
  capabilities = ["read"]
}

# operator: keeps Vault itself
path "auth/*" {
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}
path "sys/audit" {
  capabilities = ["read", "sudo"]
}
path "sys/audit/*" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
}
path "sys/auth" {
  capabilities = ["read"]
}
path "sys/auth/*" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
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

# secrets-admin: all secrets
path "secret/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

