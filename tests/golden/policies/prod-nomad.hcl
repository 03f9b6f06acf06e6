# anonymous: read-only view for everybody without a token
namespace "*" {
  policy = "read"
}
node {
  policy = "read"
}

# apps-admin: manage namespace apps
namespace "apps" {
  policy = "write"
}

# apps-restricted-admin: manage namespace apps-restricted
namespace "apps-restricted" {
  policy = "write"
}

# buildbot-worker-admin: buildbot may read the worker password (only of the job buildbot in build)
namespace "build" {
  variables {
    path "nomad/jobs/buildbot-worker" {
      capabilities = ["read"]
    }
  }
}

# buildsync-admin: the rsync receiver may read the sync password (only of the job build-rsyncd in build)
namespace "build" {
  variables {
    path "nomad/jobs/buildsync" {
      capabilities = ["read"]
    }
  }
}

# buildsync-buildbot-admin: the workers may read the sync password (only of the job buildbot-worker in build)
namespace "build" {
  variables {
    path "nomad/jobs/buildsync" {
      capabilities = ["read"]
    }
  }
}

# certificates-hands-out: keeps the certificate authority's account, and gives the certificate to whoever serves it (only of the job certificates in infrastructure)
namespace "apps-restricted" {
  variables {
    path "nomad/jobs/maddy" {
      capabilities = ["read", "write"]
    }
  }
}
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

# certs-admin: the renewal job may read and write the three certificate variables (only of the job cert-renew in infrastructure)
namespace "apps-restricted" {
  variables {
    path "nomad/jobs/maddy" {
      capabilities = ["read", "write"]
    }
  }
}
namespace "infrastructure" {
  variables {
    path "nomad/jobs/nginx-control" {
      capabilities = ["read", "write"]
    }
  }
}
namespace "mirror" {
  variables {
    path "nomad/jobs/nginx" {
      capabilities = ["read", "write"]
    }
  }
}

# popcorn-admin: the report job may read the popcorn key (only of the job popcorn-report in apps)
namespace "apps" {
  variables {
    path "nomad/jobs/popcorn" {
      capabilities = ["read"]
    }
  }
}

# read-only: observer
namespace "*" {
  policy = "read"
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

# root: cluster operator
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
host_volume "*" {
  policy = "write"
}

