"""The rehearsal's own PULUMI_HOME: for each package a tiny plugin that asks the daemon for a port.

Only a process with this PULUMI_HOME can meet a stand-in; anywhere else the engine asks for the official plugin.
"""

import sys
from pathlib import Path

from rehearsal.cloud.passthrough import PASSING
from rehearsal.cloud.schema import version_of
from servers.environment import ADDRESSES, TOKENS, TRUST

# Plain sockets and no site packages: the engine starts one of these for every provider instance.
_SCRIPT = '''#!{python} -SEI
"""Plugin of the rehearsal: hands the engine the port of the embedded cloud's stand-in for {package}."""
import os, signal, socket, sys

path = os.environ.get("FLEET_CLOUD_SOCKET", "")
try:
    cloud = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if len(path) > 100:
        os.chdir(os.path.dirname(path))
        path = os.path.basename(path)
    cloud.connect(path)
except OSError as error:
    where = path or "(FLEET_CLOUD_SOCKET is not set)"
    sys.exit("rehearsal stand-in for {package}: no embedded cloud at " + where + ": " + str(error)
             + "; start one with `make rehearsal`")
{request}
answer = b""
while not answer.endswith(b"\\n"):
    part = cloud.recv(4096)
    if not part:
        sys.exit("rehearsal stand-in for {package}: the embedded cloud went away; start it again with `make rehearsal`")
    answer += part
text = answer.decode()
port = text.partition('"port":')[2].strip(" }}\\n")
if not port.isdigit():
    sys.exit("rehearsal stand-in for {package}: " + text)
# The engine interrupts its plugins at the end, and waits five seconds for one that does not go.
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: os._exit(0))
print(port, flush=True)
# The daemon ends this instance when the connection closes; the connection closes when the engine ends us.
parent = os.getppid()
cloud.settimeout(1.0)
while os.getppid() == parent:
    try:
        if not cloud.recv(1):
            break
    except TimeoutError:
        pass
    except OSError:
        break
'''

_REQUEST = 'cloud.sendall(b\'{{"cmd": "provider", "package": "{package}"}}\\n\')'
# The daemon has another environment than this engine, and a token may stand nowhere but here and in its memory.
_REQUEST_WITH_ENVIRONMENT = """import json
given = {{name: os.environ[name] for name in {names} if name in os.environ}}
request = {{"cmd": "provider", "package": "{package}", "environment": given}}
cloud.sendall(json.dumps(request).encode() + b"\\n")"""


def _request(package: str) -> str:
    for system in PASSING:
        if package == system:
            names = (ADDRESSES[system], TOKENS[system], TRUST)
            return _REQUEST_WITH_ENVIRONMENT.format(package=package, names=names)
    return _REQUEST.format(package=package)


def write_home(home: Path, packages: tuple[str, ...]) -> list[Path]:
    """Write the plugins, versioned as the installed SDKs ask for them. What is right already is left alone."""
    written = []
    for package in packages:
        version = version_of(package)
        folder = home / "plugins" / f"resource-{package}-v{version}"
        folder.mkdir(parents=True, exist_ok=True)
        script = folder / f"pulumi-resource-{package}"
        # The interpreter itself and not the environment's link to it: this needs no packages and must start fast.
        text = _SCRIPT.format(python=Path(sys.executable).resolve(), package=package, request=_request(package))
        if not script.exists() or script.read_text() != text:
            beside = script.with_name(f".{script.name}.tmp")
            beside.write_text(text)
            beside.chmod(0o755)
            beside.replace(script)
        (folder / "PulumiPlugin.yaml").unlink(missing_ok=True)
        written.append(script)
    return written
