"""Small authorities of one rehearsal: for the ACME server's own address, and for the directory of people."""

from collections.abc import Sequence
from pathlib import Path

from rehearsal.testhosts import settings
from rehearsal.testhosts.commands import execute

# Longer than any rehearsal: renewal is what the fleet's own certificates are for.
DAYS = "3650"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")


def ensure(part: str, names: Sequence[str], address: str) -> bool:
    """Make an authority in $FLEET_RUN/<part> and a certificate for these names; True if anything was made.

    There are then ca.pem, and cert.pem with key.pem for the server. Keys are born there, readable by root alone.
    """
    folder = settings.folder(part)
    folder.chmod(0o755)
    made = False
    if not (folder / "ca.pem").is_file():
        words = ["-subj", f"/CN=rehearsal {part} authority"]
        words += ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        certificate(folder, "ca", words)
        made = True
    wanted = ",".join([*(f"DNS:{name}" for name in names), f"IP:{address}"])
    note = folder / "names"
    if made or not note.is_file() or note.read_text() != wanted:
        words = [
            "-subj",
            f"/CN={(*names, address)[0]}",
            "-CA",
            str(folder / "ca.pem"),
            "-CAkey",
            str(folder / "ca.key"),
        ]
        words += ["-addext", f"subjectAltName={wanted}", "-addext", "basicConstraints=critical,CA:FALSE"]
        words += ["-addext", "extendedKeyUsage=serverAuth"]
        certificate(folder, "cert", words)
        note.write_text(wanted)
        made = True
    return made


def certificate(folder: Path, name: str, words: Sequence[str]) -> None:
    """One certificate and its key, both or none under their names."""
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    drafts = key.with_suffix(".key.new"), pem.with_suffix(".pem.new")
    # Made before it is written to, so that it is at no moment readable by others.
    drafts[0].unlink(missing_ok=True)
    drafts[0].touch(mode=0o600)
    command = ["openssl", "req", "-x509", "-batch", *CURVE, "-days", DAYS, *words]
    execute([*command, "-keyout", str(drafts[0]), "-out", str(drafts[1])])
    drafts[0].chmod(0o600)
    drafts[0].replace(key)
    drafts[1].replace(pem)
