"""Time, by chrony. Where the kernel's clock belongs to somebody else, chronyd only measures (-x)."""

from __future__ import annotations

from hostconfig.desired import Desired
from hostconfig.files import render
from hostconfig.parts import ManagedFile, Part, Platform, Service
from hostconfig.services import own_run_script, restart


def clock(desired: Desired, platform: Platform) -> Part:
    """chrony with the declared servers."""
    void = platform.os == "void"
    path = "/etc/chrony.conf" if void else "/etc/chrony/chrony.conf"
    owner = "chrony" if void else "_chrony"
    text = render("clock/chrony.conf", servers=desired.time.servers, set_clock=desired.time.set_clock)
    # -p prints the configuration and ends: the only way to have chronyd judge a file.
    files = [ManagedFile(path, text, check='chronyd -p -f "$new" >/dev/null', wakes="chrony")]
    flag = "" if desired.time.set_clock else " -x"
    run = f"chronyd -n{flag} -u {owner} -f {path}"
    files += own_run_script("chrony", platform, run, before=(f"install -d -m 0750 -o {owner} -g {owner} /run/chrony",))
    if platform.init == "systemd":
        text = render("clock/default", options=f"-F 1{flag}")
        files.append(ManagedFile("/etc/default/chrony", text, wakes="chrony"))
    elif void:
        text = render("clock/void-conf", options=flag.strip())
        files.append(ManagedFile("/etc/sv/chronyd/conf", text, wakes="chrony"))
    return Part(packages=("chrony",), files=tuple(files), services=(Service("chrony", restart("chrony", platform)),))
