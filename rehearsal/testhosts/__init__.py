"""Test hosts of one machine: their base image, their network, their DNS server, and how every trace of them goes away.

    base.ensure(progress)      the root file system all hosts share, and the package repository they install from
    network.up() / down()      "the internet": one namespace with a bridge
    hosts.start(Spec(...))     a host: own namespaces, own overlay, runit as process 1, sshd
    dns.serve() / reload()     an authoritative server for the zones of the rehearsal
    clean.all() / traces()     nothing left behind, and a way to see it

Everything is idempotent, and goes on where an interrupted run stopped.
"""
