"""Shell for each step: plain sh and the host's own tools, every value quoted. Text goes in by standard input."""

from __future__ import annotations

import re
from shlex import quote

from hostconfig import manifest as manifests
from hostconfig import steps
from hostconfig.parts import Account, Platform
from hostconfig.services import disable, enable

PREAMBLE = 'set -eu\nexport LC_ALL=C PATH="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"\n'


def script(step: steps.Step, platform: Platform) -> tuple[str, str | None]:
    """(shell, standard input) of a step. Packages are not here: pyinfra's own operations do those."""
    return PREAMBLE + _body(step, platform), _stdin(step)


def _stdin(step: steps.Step) -> str | None:
    match step:
        case steps.WriteFile(file=file):
            return file.text
        case steps.Record(manifest=manifest):
            return manifests.dump(manifest)
        case _:
            return None


def _body(step: steps.Step, platform: Platform) -> str:
    match step:
        case steps.Record(layer=layer):
            return _place(manifests.path(layer), "0644", "root:root", None)
        case steps.WriteFile(file=file, keep_before=keep):
            return (_keep(file.path) if keep else "") + _place(file.path, file.mode, file.owner, file.check)
        case steps.RemoveFile(path=path):
            return _remove(path)
        case steps.SetHostname(name=name):
            return f"printf '%s\\n' {quote(name)} > /proc/sys/kernel/hostname 2>/dev/null || hostname {quote(name)}"
        case steps.SetSysctl(key=key, value=value):
            return f"sysctl -q -w {quote(f'{key}={value}')}"
        case steps.EnableService(service=service):
            return enable(service.name, platform) + _wait(service.name, service.ready)
        case steps.WakeService(service=service):
            return service.hear + _wait(service.name, service.ready)
        case steps.DisableService(name=name):
            return disable(name, platform)
        case steps.Install() | steps.Uninstall():
            raise TypeError("packages are installed by pyinfra's own operations")
        case _:
            return _people(step)


def _place(path: str, mode: str, owner: str, check: str | None) -> str:
    """Candidate beside the file, test, then one rename: readers see the old file or the new one, never half of one."""
    folder, _, name = path.rpartition("/")
    lines = [
        f"mkdir -p {quote(folder)}",
        f"new={quote(f'{folder}/.{name}.fleet-new')}",
        "trap 'rm -f \"$new\"' EXIT",
        f'umask 077; cat > "$new"; chown {owner} "$new"; chmod {mode} "$new"',
    ]
    if check:
        refusal = quote(f"{path}: the new text failed its test on the host, the old file stays")
        lines.append(f"{{ {check}; }} || {{ echo {refusal} >&2; exit 1; }}")
    lines.append(f'mv -f "$new" {quote(path)}')
    return "\n".join(lines)


def _kept(path: str) -> str:
    return f"{manifests.BEFORE}/{path.strip('/').replace('/', '__')}"


def _keep(path: str) -> str:
    """A copy of what was there before us, made once."""
    kept = _kept(path)
    return f"mkdir -p -m 0700 {manifests.BEFORE}; [ -e {quote(kept)} ] || cp -pL {quote(path)} {quote(kept)}\n"


def _remove(path: str) -> str:
    kept = _kept(path)
    lines = [f"if [ -e {quote(kept)} ]; then mv -f {quote(kept)} {quote(path)}; else rm -f {quote(path)}; fi"]
    if found := re.fullmatch(r"(/etc/sv/fleet-[a-z-]+)/run", path):
        lines.append(f"rm -rf {quote(found[1])}")
    if found := re.fullmatch(r"/etc/wireguard/([a-z0-9]+)\.peers", path):
        lines.append(f"ip link del dev {quote(found[1])} 2>/dev/null || true")
    return "\n".join(lines)


def _wait(name: str, ready: str) -> str:
    if not ready:
        return ""
    late = quote(f"{name}: started, but not ready within 15 s")
    return (
        f"\ntries=0\nuntil {{ {ready}; }}; do\n  tries=$((tries + 1))\n"
        f"  [ $tries -lt 150 ] || {{ echo {late} >&2; exit 1; }}\n  sleep 0.1\ndone"
    )


def _people(step: steps.Step) -> str:
    match step:
        case steps.MakeGroup(name=name):
            return f"groupadd {quote(name)}"
        case steps.DropGroup(name=name):
            return f"groupdel {quote(name)}"
        case steps.SetAccount(account=account, leave=leave) if account.home is not None:
            return _service_account(account, leave)
        case steps.SetAccount(account=account, exists=exists, leave=leave):
            name = quote(account.name)
            uid = f" -u {account.uid}" if account.uid is not None else ""
            look = f"-s {quote(account.shell)} -c {quote(account.comment)}{uid}"
            groups = f" -G {quote(','.join(account.groups))}" if account.groups else ""
            if not exists:
                # '*' and not '!': a locked password counts as a locked account where sshd runs without PAM.
                own = f'own=""; if grep -q "^"{name}: /etc/group; then own="-g {account.name}"; fi\n'
                return f"{own}useradd -m -p '*' $own {look}{groups} {name}"
            drop = "".join(f"\ngpasswd -d {name} {quote(group)} >/dev/null" for group in leave)
            return f"usermod {look}{' -a' + groups if groups else ''} {name}{drop}"
        case steps.LeaveGroups(name=name, groups=groups_left):
            return "\n".join(f"gpasswd -d {quote(name)} {quote(group)} >/dev/null" for group in groups_left)
        case steps.DropAccount(name=name, home=home):
            # The home may hold work of the person: it stays, but becomes root's, so that no later uid inherits it.
            who, house = quote(name), quote(home)
            return (
                f"pkill -KILL -u {who} 2>/dev/null || true\n"
                f"tries=0\nuntil userdel {who} 2>/dev/null; do\n  tries=$((tries + 1))\n"
                f"  [ $tries -lt 30 ] || {{ userdel {who}; exit; }}\n  sleep 0.1\ndone\n"
                f"if [ -d {house} ] && [ {house} != / ]; then chown -hR root:root {house}; chmod 0700 {house}; fi"
            )
    raise TypeError(f"{type(step).__name__} is no step over people")


def _service_account(account: Account, leave: tuple[str, ...]) -> str:
    """An account without a login. Its package may have made it a moment ago: then only its groups are ours."""
    name = quote(account.name)
    lines = [
        f"if ! id -u {name} >/dev/null 2>&1; then",
        f"  useradd -r -M -U -d {quote(account.home or '/')} -s {quote(account.shell or '/sbin/nologin')}"
        f" -c {quote(account.comment)} {name}",
        "fi",
    ]
    if account.shell:
        lines.append(f"usermod -s {quote(account.shell)} -c {quote(account.comment)} {name}")
    if account.groups:
        lines.append(f"usermod -a -G {quote(','.join(account.groups))} {name}")
    lines += [f"gpasswd -d {name} {quote(group)} >/dev/null" for group in leave]
    return "\n".join(lines)
