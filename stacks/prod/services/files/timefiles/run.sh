#!/bin/sh
# The time, in every folder that is a repository: a copy shows by it how old it is. A reader sees the old time or the
# new one, and so does a pull.
set -u
cd /mirror/current || exit 1
tell() {
    [ -d "$1" ] && echo "$now" > "$1/.otime.next" && mv "$1/.otime.next" "$1/otime"
}
while :; do
    now=$(date +%s)
    for family in . musl aarch64; do
        for part in . bootstrap nonfree debug; do
            tell "$family/$part"
        done
    done
    for part in multilib multilib/bootstrap multilib/nonfree; do
        tell "$part"
    done
    sleep 60
done
