# The certificate of all public names, and the three variables that serve it.
terraform {
  required_providers {
    acme = {
      source  = "vancluever/acme"
      version = "2.35.0"
    }
    nomad = {
      source  = "hashicorp/nomad"
      version = "2.5.2"
    }
  }
  backend "http" {
    address        = "https://terrastate.s.voidlinux.org/state/tls/le"
    lock_address   = "https://terrastate.s.voidlinux.org/state/tls/le"
    unlock_address = "https://terrastate.s.voidlinux.org/state/tls/le"
    lock_method    = "LOCK"
    unlock_method  = "UNLOCK"
  }
}

provider "acme" {
  server_url = "https://acme-v02.api.letsencrypt.org/directory"
}

# Address and token come from the environment: the job's own socket and identity.
provider "nomad" {}

resource "acme_registration" "account" {
  email_address = "postmaster@voidlinux.org"
}

resource "acme_certificate" "voidlinux" {
  account_key_pem           = acme_registration.account.account_key_pem
  common_name               = "voidlinux.org"
  subject_alternative_names = ["*.voidlinux.org", "*.s.voidlinux.org"]
  min_days_remaining        = 30

  # It reads the token from DO_AUTH_TOKEN.
  dns_challenge {
    provider = "digitalocean"
  }
}

locals {
  readers = {
    nginx         = "mirror"
    nginx-control = "infrastructure"
    maddy         = "apps-restricted"
  }
}

resource "nomad_variable" "certificate" {
  for_each  = local.readers
  namespace = each.value
  path      = "nomad/jobs/${each.key}"
  items = {
    certificate = "${acme_certificate.voidlinux.certificate_pem}${acme_certificate.voidlinux.issuer_pem}"
    key         = acme_certificate.voidlinux.private_key_pem
  }
}
