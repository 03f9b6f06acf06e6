#!/bin/sh
# Runs a command on a rehearsal's internet: `inside.sh NAMESPACE RUN COMMAND...`, where RUN is the rehearsal's folder.
# It resolves names by the rehearsal's DNS server and trusts its certificate authority, because in mounts of its own the
# files of RUN/internet lie over the machine's. Nothing else on the machine sees them. Stays one process all the way.
if [ "$1" != --mounted ]; then
    namespace=$1 run=$2
    shift 2
    if [ ! -d "$run/internet" ] || ! command -v unshare >/dev/null 2>&1; then
        exec nsenter --net="/run/netns/$namespace" -- "$@"
    fi
    exec nsenter --net="/run/netns/$namespace" -- unshare --mount -- /bin/sh "$0" --mounted "$run" "$@"
fi
from=$2/internet
shift 2
while read -r name target; do
    if [ -e "$from/$name" ] && [ -e "$target" ]; then mount --bind "$from/$name" "$target" || exit 126; fi
done <<'FILES'
resolv.conf /etc/resolv.conf
nsswitch.conf /etc/nsswitch.conf
ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
FILES
# Python's HTTP clients bring authorities of their own unless told otherwise.
[ ! -e "$from/ca-certificates.crt" ] || export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
exec "$@"
