#!/bin/sh
# The time, in every folder that is a repository: a copy shows by it how old it is.
set -u
cd /mirror/current || exit 1
while :; do
    now=$(date +%s)
    for family in . musl aarch64; do
        for part in . bootstrap nonfree debug; do
            [ -d "$family/$part" ] && echo "$now" > "$family/$part/otime"
        done
    done
    for part in multilib multilib/bootstrap multilib/nonfree; do
        [ -d "$part" ] && echo "$now" > "$part/otime"
    done
    sleep 60
done
