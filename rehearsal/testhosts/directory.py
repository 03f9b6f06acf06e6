"""The rehearsal's directory of people: slapd, over LDAPS, with made-up people in the groups that the data names.

A person is `uid=<name>,ou=entities,<base>`, says in `memberOf` which groups they are in, and has a password of this
rehearsal alone, in $FLEET_RUN/operator/people/<name>.
"""

import base64
import hashlib
import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.testhosts import authority, network, serving, settings
from rehearsal.testhosts.commands import execute
from rehearsal.testhosts.settings import RehearsalError

if TYPE_CHECKING:
    from model import Fleet

NAME, PART = "directory", "ldap"
PORT = 636
ENTITIES, GROUPS = "ou=entities", "ou=groups"
# Nobody's real name, and more than the groups of a fleet.
NAMES = ("ada", "grace", "edsger", "barbara", "donald", "frances", "niklaus", "radia", "kristen", "leslie", "adele")
# Somebody who is known and may do nothing.
NOBODY = "mallory"

SETTINGS = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb.so
attributetype ( 1.2.840.113556.1.2.102 NAME 'memberOf'
  EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )
objectclass ( 2.25.77053.1 NAME 'fleetPerson' SUP top AUXILIARY MAY memberOf )
TLSCACertificateFile "{folder}/ca.pem"
TLSCertificateFile "{folder}/cert.pem"
TLSCertificateKeyFile "{folder}/cert.key"
pidfile "{folder}/slapd.pid"
argsfile "{folder}/slapd.args"
database mdb
suffix "{base}"
directory "{folder}/data"
maxsize 16777216
index objectClass,uid eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous auth
"""


def folder() -> Path:
    """Where its files are."""
    return settings.run() / PART


def authority_file() -> Path:
    """Whom to trust for it."""
    return folder() / "ca.pem"


def passwords() -> Path:
    """One file for each person, readable by root alone."""
    return settings.run() / "operator" / "people"


def people(fleet: "Fleet") -> dict[str, list[str]]:
    """Made-up people, person -> groups: one for each group of the directory that the data names, and one of none."""
    if fleet.access is None:
        return {}
    groups = list(fleet.access.vault.groups)
    if len(groups) > len(NAMES):
        raise RehearsalError(f"{len(groups)} groups are too many for {len(NAMES)} made-up people; add names to NAMES")
    return {name: [group] for name, group in zip(NAMES, groups, strict=False)} | {NOBODY: []}


def serve(people: Mapping[str, Sequence[str]], *, base: str = "dc=fleet,dc=example", names: Sequence[str] = ()) -> None:
    """Serve these people (person -> groups) under these names, or leave it as it runs; returns when it answers."""
    settings.require_root()
    with network.lock(NAME):
        changed = authority.ensure(PART, names, settings.people4())
        wanted = json.dumps({"base": base, "people": {name: list(people[name]) for name in sorted(people)}}, indent=1)
        note = folder() / "people.json"
        if not note.is_file() or note.read_text() != wanted or not (folder() / "data").is_dir():
            serving.stop(NAME)
            note.unlink(missing_ok=True)
            fill(people, base)
            note.write_text(wanted)
        elif changed:
            serving.stop(NAME)
        if not serving.current(NAME):
            words = [
                "slapd",
                "-d",
                "0",
                "-h",
                f"ldaps://{settings.people4()}:{PORT}/",
                "-f",
                str(folder() / "slapd.conf"),
            ]
            serving.start(NAME, words, lambda: serving.listens(settings.people4(), PORT))


def fill(people: Mapping[str, Sequence[str]], base: str) -> None:
    """Make its database anew; who has a password keeps it."""
    shutil.rmtree(folder() / "data", ignore_errors=True)
    settings.folder(PART, "data").chmod(0o700)
    (folder() / "slapd.conf").write_text(SETTINGS.format(folder=folder(), base=base))
    settings.folder("operator").chmod(0o700)
    settings.folder("operator", "people").chmod(0o700)
    for file in passwords().iterdir():
        if file.name not in people:
            file.unlink()
    # By standard input: neither a list of processes nor a file ever holds a password, or what is made of it.
    execute(["slapadd", "-f", str(folder() / "slapd.conf"), "-q"], stdin=entries(people, base))


def entries(people: Mapping[str, Sequence[str]], base: str) -> str:
    """The whole directory as LDIF."""
    blocks = [
        [f"dn: {base}", "objectClass: dcObject", "objectClass: organization", "o: fleet", f"dc: {first_of(base)}"],
        *(
            [f"dn: {part},{base}", "objectClass: organizationalUnit", part.replace("=", ": ")]
            for part in (ENTITIES, GROUPS)
        ),
    ]
    for group in sorted({group for groups in people.values() for group in groups}):
        inside = [f"member: uid={name},{ENTITIES},{base}" for name in sorted(people) if group in people[name]]
        blocks.append([f"dn: cn={group},{GROUPS},{base}", "objectClass: groupOfNames", f"cn: {group}", *inside])
    for name in sorted(people):
        blocks.append(
            [
                f"dn: uid={name},{ENTITIES},{base}",
                "objectClass: inetOrgPerson",
                "objectClass: fleetPerson",
                f"uid: {name}",
                f"cn: {name}",
                f"sn: {name}",
                *(f"memberOf: cn={group},{GROUPS},{base}" for group in people[name]),
                f"userPassword: {hashed(password_of(name))}",
            ]
        )
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def first_of(base: str) -> str:
    """The value of a name's first part."""
    kind, _, value = base.split(",")[0].partition("=")
    if kind.strip().lower() != "dc":
        raise RehearsalError(f"{base!r}: the rehearsal's directory can only have a base of dc=...,dc=...")
    return value.strip()


def password_of(name: str) -> str:
    """A person's password: made once, then read from their file."""
    file = passwords() / name
    if not file.is_file():
        draft = file.with_name(f"{name}.new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(24) + "\n")
        draft.replace(file)
    return file.read_text().strip()


def hashed(password: str) -> str:
    """As the directory keeps it."""
    salt = secrets.token_bytes(8)
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + salt).digest() + salt).decode()


def stop() -> None:
    """End it; its people stay."""
    serving.stop(NAME)
