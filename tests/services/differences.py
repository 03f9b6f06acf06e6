"""Where the jobs of prod differ from those that were found, on purpose: path by path, each with its reason.

A pattern is of the job's name and the path; `*` stands for anything. Every line is used, and none hides another fact.
"""

from __future__ import annotations

# Jobs, and images of ours, that were not there.
NEW: dict[str, str] = {
    "certificates": "has the public names' certificate issued, in place of cert-renew",
    "front-certificate": "puts it on the mirrors' disk, for their own front",
    "infra-certificates": "the programs of both",
}

DIFFERENCES: tuple[tuple[str, str], ...] = (
    # How services are found.
    ("*/services/*/meta/vhost_*", "the fronts are told how a name is to be served; two words stood for all before"),
    (
        "*/services/*/checks/0",
        "each waits less than its period, and each service behind a name or asked by others has one",
    ),
    (
        "buildbot/groups/buildbot/services/buildbot-www/names",
        "the name stands with its service, no longer in the proxy",
    ),
    ("nginx/groups/nginx/services/mirror-web/*", "checked, and without names: the mirrors answer by themselves"),
    ("debuginfod/groups/app/services/debuginfod/names", "a job that is held answers nobody under any name"),
    ("rsyncd/groups/rsync/services/mirror-rsync/*", "public rsync is checked"),
    ("maddy/groups/app/services/maddy/*", "mail is checked"),
    ("promtail/groups/promtail/services/promtail-promtail/names", "a page without login is no public name"),
    ("vector/groups/vector/services/vector-vector/names", "a page without login is no public name"),
    # Ports that were taken and not reserved, so that Nomad saw no conflict.
    ("maddy/groups/app/ports/*", "mail's ports are reserved"),
    ("nginx/groups/nginx/ports/*", "the front's ports are reserved"),
    ("nginx-control/groups/nginx/ports/*", "the front's ports are reserved"),
    ("rsyncd/groups/rsync/ports/rsync", "its port is reserved"),
    # Where a group may run.
    ("man-cgi/groups/man-cgi/constraints", "no host's name: a mirror that rests from syncing is left out"),
    ("xq-api/groups/xq-api/constraints", "no host's name: a mirror that rests from syncing is left out"),
    ("sync/groups/*/constraints", "no host's name: a mirror that rests from syncing is left out"),
    ("ccache_exporter/groups/*/constraints", "no host's name: the builder's own folder marks it"),
    ("ccache_exporter/groups/*/volumes/*_hostdir", "no host's name: the builder's own folder marks it"),
    ("feediverse/groups/feediverse/constraints", "its image is known for amd64 alone, and one machine is another"),
    ("ircbot/groups/app/constraints", "its image is known for amd64 alone, and one machine is another"),
    ("alertrelay/groups/app/constraints", "its image is known for amd64 alone, and one machine is another"),
    ("repo-exporter/groups/exporter/constraints", "its image is known for amd64 alone, and one machine is another"),
    ("ssl-exporter/groups/app/constraints", "its image is known for amd64 alone, and one machine is another"),
    # Images.
    ("debuginfod/*/image", "the registry is said"),
    ("etherpad/*/image", "the registry is said"),
    ("build-mirror/*/image", "the registry is said"),
    ("alertmanager/*/image", "the registry is said"),
    ("vector/*/image", "the registry is said"),
    ("feediverse/*/image", "the publisher is a person whom the facts do not name"),
    ("maddy/*/image", "the publisher is a person whom the facts do not name"),
    ("terrastate/*/image", "the publisher is a person whom the facts do not name"),
    ("alertrelay/*/image", "the publisher is a person whom the facts do not name"),
    ("ccache_exporter/*/image", "the publisher is a person whom the facts do not name"),
    ("ssl-exporter/*/image", "the publisher is a person whom the facts do not name"),
    ("rsyncd/*/image", "one build of rsync in place of three"),
    ("shadow-rsyncd/*/image", "one build of rsync in place of three"),
    ("sync/*/image", "one build of rsync in place of three"),
    # Secrets.
    ("devspace/*/templates/secrets/*/perms", "a secret is read by its task alone"),
    ("devspace/groups/sftpgo/tasks/sftpgo/user", "the task runs without any right of root, as an account of its own"),
    ("devspace/*/templates/secrets/id_*/owner", "the task runs without any right of root, as an account of its own"),
    # Another program: no login hook, no database, no pages for logins; homes are private.
    ("devspace/groups/sftpgo/tasks/sftpgo/env/*", "the program is told by a file"),
    ("devspace/groups/sftpgo/ports/sftp", "copies share it, so that a new version can be tried beside the old one"),
    ("devspace/groups/sftpgo/tasks/sftpgo/config/args", "the program is told by a file"),
    ("devspace/groups/sftpgo/tasks/sftpgo/templates/local/*", "the program is told by a file"),
    ("devspace/groups/sftpgo/tasks/sftpgo/templates/secrets/ca.pem/*", "whom to trust comes from the fleet's data"),
    ("devspace/groups/sftpgo/volumes/netauth_config", "whom to ask and to trust comes from the fleet's data"),
    ("devspace/groups/sftpgo/*/mounts//etc/netauth", "whom to ask and to trust comes from the fleet's data"),
    (
        "devspace/*/image",
        "the program is ours: no registry has the one before, and it asked by a command for each login",
    ),
    ("feediverse/*/templates/secrets/*/perms", "a secret is read by its task alone"),
    ("popcorn/*/templates/secrets/*/perms", "a secret is read by its task alone"),
    ("popcorn-report/*/templates/secrets/*/perms", "a secret is read by its task alone"),
    ("cert-renew/*/templates/secrets/*/perms", "a secret is read by its task alone"),
    ("terrastate/*/templates/secrets/*/perms", "a secret is read by its task alone"),
    ("alertrelay/*/templates/secrets/*/perms", "a secret is read by its task alone"),
    ("ircbot/*/templates/secret/env/*", "it stood outside the protected folder"),
    ("ircbot/*/templates/secrets/env/*", "it stood outside the protected folder"),
    ("popcorn/*/statrepo/config/*", "the key no longer stands in the container's settings"),
    ("popcorn/*/templates/local/statrepo/*", "the key no longer stands in the container's settings"),
    # nginx.
    ("*/templates/local/nginx.conf/*", "the whole configuration comes with the job, the same under every driver"),
    ("devspace/*/templates/local/nginx/devspace.conf/on_change", "a new page of settings needs no restart"),
    ("popcorn/*/templates/local/nginx/popcorn.conf/on_change", "a new page of settings needs no restart"),
    ("nginx*/templates/local/nginx/05-hashi.conf/*", "the control hosts answer these names by themselves"),
    ("nginx/*/templates/local/nginx/10-buildbot.conf/*", "made from Consul like all others: it follows a move"),
    ("nginx-control/groups/nginx/dns", "said at the group, for every driver"),
    ("nginx-control/*/config/dns_servers", "said at the group, for every driver"),
    # The rest.
    ("build-rsyncd/*/templates/local/rsyncd.conf.d/*.conf.inc/*", "one file for all architectures in place of nine"),
    ("build-rsyncd/*/templates/local/rsyncd.conf.d/architectures.conf/*", "one file for all architectures"),
    ("buildbot-worker/groups/*/tasks/buildbot-worker/meta", "the same files serve each family, which this names"),
    ("cert-renew/*/artifacts", "nothing is fetched unpinned: what is applied is reviewed here"),
    ("cert-renew/*/templates/local/le/main.tf/*", "nothing is fetched unpinned: what is applied is reviewed here"),
    ("cert-renew/periodic/prohibit_overlap", "two at once would fight over the state"),
    ("sync/groups/*/tasks/rsync/config/*", "the block's script: it records when a copy was last whole"),
    ("sync/groups/*/tasks/rsync/templates/local/*", "the block's script: it records when a copy was last whole"),
    ("xmandump/*/config/args", "our own program in place of a script: it opens packages as streams"),
    ("xmandump/*/config/network_mode", "who opens packages has no network"),
    ("xmandump/*/templates/local/man.json/*", "our own program, with its bounds as data"),
    ("xmandump/*/image", "our own program"),
    ("man-cgi/*/image", "our own program: nothing that packagers wrote is interpreted on a mirror"),
    ("man-cgi/groups/man-cgi/ports/http", "one program that is not root, so not at a port of root's"),
    ("prometheus/*/templates/local/alerts/fleet_alerts.yml/*", "the rules that were missing"),
    ("prometheus/*/templates/local/alerts/*_alerts.yml/on_change", "a changed rule needs no restart"),
)
