"""What `test_login_live` starts in namespaces of its own: break-glass drilled, and a live session that ends."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace

from tests.load.login_rig import PORTS, Rig, inside, rigged


def drilled(rig: Rig) -> list[bool]:
    """Whether each key of the last drill works."""
    words = [str(rig.program), "--config", str(rig.folder / "login.json"), "drill"]
    subprocess.run(words, capture_output=True, check=False)
    found = json.loads((rig.folder / "drill.json").read_text())
    print(found)
    return [bool(it["works"]) for it in found["keys"]]


def break_glass(rig: Rig) -> None:
    """Works whatever the directory does; and what is broken is said to be."""
    keys = rig.folder / "authorized_keys.d" / "glass"
    for fault in ("silent", "refused"):
        rig.proxy.set("silent" if fault == "silent" else "refused")
        assert drilled(rig) == [True], fault
    rig.proxy.set("")
    keys.chmod(0o666)
    assert drilled(rig) == [False], "anybody could write the keys"
    keys.chmod(0o644)
    # A key that sshd's file does not hold is not let in: the drill asks sshd, and believes no file.
    other = rig.folder / "other.d"
    other.mkdir()
    (other / "glass").write_text((rig.folder / "client" / "wrong.pub").read_text())
    told = json.loads((rig.folder / "login.json").read_text())
    rig.config(places={**told["places"], "keys": str(other)})
    assert drilled(rig) == [False], "sshd would let in a key that it does not know"
    rig.config()


def leaving(rig: Rig) -> None:
    """A session of somebody who is locked ends at the next refresh, and no later login begins."""
    someone = rig.known[0]
    words = ["ssh", "-F", "none", "-T", "-p", str(PORTS["ours"]), "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
    words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    words += ["-i", str(rig.folder / "client" / "right"), f"{someone.name}@127.0.0.1", "echo in; sleep 300"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == "in\n"
        rig.store.write([replace(someone, locked=True)])
        begun = time.monotonic()
        rig.refresh()
        assert session.wait(5) != 0
        print(f"the session ended after {time.monotonic() - begun:.2f} s")
    assert not rig.login(someone.name, PORTS["ours"], ("right",)).let_in


def main() -> int:
    """The exit code says whether all of it held."""
    if (code := inside("tests.hostconfig.login_live", [])) is not None:
        return code
    with rigged(4) as rig:
        break_glass(rig)
        leaving(rig)
    return 0


if __name__ == "__main__":
    sys.exit(main())
