"""A directory of people for tests: slapd with three made-up people in two groups."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.servers.real import free_ports, wait_for

BASE = "dc=fleet,dc=example"
PEOPLE = {"ada": "lovelace-1815", "grace": "hopper-1906", "edsger": "dijkstra-1930"}
GROUPS: dict[str, Sequence[str]] = {"operators": ["ada"], "observers": ["grace"]}


@contextlib.contextmanager
def directory(
    folder: Path, people: Mapping[str, str] = PEOPLE, groups: Mapping[str, Sequence[str]] = GROUPS
) -> Iterator[str]:
    """Runs slapd on the loopback, with these people's passwords and groups; gives its address."""
    program = shutil.which("slapd") or "/usr/sbin/slapd"
    (port,) = free_ports(1)
    (folder / "data").mkdir(parents=True)
    (folder / "slapd.conf").write_text(_settings(folder))
    (folder / "people.ldif").write_text(_people(people, groups))
    add = ["slapadd", "-f", str(folder / "slapd.conf"), "-l", str(folder / "people.ldif")]
    subprocess.run(add, check=True, capture_output=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    address = f"ldap://127.0.0.1:{port}"
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [program, "-d", "0", "-f", str(folder / "slapd.conf"), "-h", f"{address}/"], stdout=log, stderr=log
        )
    try:
        wait_for("slapd", lambda: _listens(port))
        yield address
    finally:
        process.terminate()
        process.wait(10)


def settings(address: str) -> dict[str, object]:
    """How Vault asks this directory."""
    return {
        "url": address,
        "userdn": f"ou=people,{BASE}",
        "userattr": "uid",
        "groupdn": f"ou=groups,{BASE}",
        "groupfilter": "(member={{.UserDN}})",
        "groupattr": "cn",
        "token_ttl": 3600,
        "token_max_ttl": 43200,
    }


def _settings(folder: Path) -> str:
    schema = "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "inetorgperson"))
    return (
        f"{schema}modulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile {folder}/pid\n"
        f'database mdb\nsuffix "{BASE}"\ndirectory {folder}/data\nmaxsize 10485760\n'
        "access to attrs=userPassword by anonymous auth by * none\naccess to * by users read by * none\n"
    )


def _people(people: Mapping[str, str], groups: Mapping[str, Sequence[str]]) -> str:
    entries = [f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: fleet\ndc: fleet\n"]
    entries += [f"dn: ou={ou},{BASE}\nobjectClass: organizationalUnit\nou: {ou}\n" for ou in ("people", "groups")]
    entries += [
        f"dn: uid={uid},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n"
        f"userPassword: {password}\n"
        for uid, password in people.items()
    ]
    entries += [
        f"dn: cn={group},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {group}\n"
        + "".join(f"member: uid={uid},ou=people,{BASE}\n" for uid in members)
        for group, members in groups.items()
    ]
    return "\n".join(entries)


def _listens(port: int) -> bool:
    import socket

    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
