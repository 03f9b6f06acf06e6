# anonymous: a view of what runs, for everybody without a token
namespace "*" {
  policy = "read"
}
node {
  policy = "read"
}

# apps-admin: manages the applications
namespace "apps" {
  policy = "write"
  variables {
    path "nomad/jobs/*" {
      capabilities = ["destroy", "list", "read", "write"]
    }
  }
}

# certificates-hands-out: keeps the certificate authority's account, and gives the certificate to whoever serves it (only of the job certificates in infrastructure)
namespace "infrastructure" {
  variables {
    path "nomad/jobs/certificates/account" {
      capabilities = ["read", "write"]
    }
  }
}
namespace "mirror" {
  variables {
    path "nomad/jobs/front-certificate" {
      capabilities = ["read", "write"]
    }
  }
}

# observer: looks at everything that is no secret
namespace "*" {
  policy = "read"
  capabilities = ["read-logs"]
}
agent {
  policy = "read"
}
node {
  policy = "read"
}
operator {
  policy = "read"
}

# operator: runs the fleet, short of making tokens, policies and namespaces
namespace "*" {
  policy = "write"
  variables {
    path "*" {
      capabilities = ["destroy", "list", "read", "write"]
    }
  }
}
agent {
  policy = "write"
}
node {
  policy = "write"
}
operator {
  policy = "write"
}
plugin {
  policy = "read"
}
host_volume "*" {
  policy = "write"
}

# report-reads-web: the report may read what the web server is told (only of the job report in apps)
namespace "apps" {
  variables {
    path "nomad/jobs/web" {
      capabilities = ["read"]
    }
  }
}

# rsyncd-reads-buildsync: the receiver may read who sends (only of the job build-rsyncd in build)
namespace "build" {
  variables {
    path "nomad/jobs/buildsync" {
      capabilities = ["read"]
    }
  }
}

