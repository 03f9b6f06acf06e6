"""nginx's whole configuration: the main file, and a site where the data give it a folder to serve.

It runs the same under every driver: paths come from Nomad's environment, and nothing of an image's own is included.
"""

from __future__ import annotations

from model.registration import seconds
from model.services import Location, Template, Webserver

HEALTH = "/-/healthy"
TYPES = {
    "text/html": "html htm",
    "text/css": "css",
    "text/plain": "txt log",
    "text/xml": "xml",
    "application/javascript": "js",
    "application/json": "json",
    "application/atom+xml": "atom",
    "application/gzip": "gz",
    "application/x-xz": "xz",
    "image/png": "png",
    "image/jpeg": "jpg jpeg",
    "image/svg+xml": "svg",
    "image/x-icon": "ico",
    "font/woff2": "woff2",
}
LOCAL = '{{ env "NOMAD_TASK_DIR" }}'
_MAIN = """\
# Written by the fleet's program. Sites are the other files of local/nginx/.
daemon off;
worker_processes {workers};
pid {local}/nginx.pid;
error_log stderr notice;

events {{
    worker_connections 1024;
}}

http {{
    server_tokens off;
    charset utf-8;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 65;
    types_hash_max_size 2048;
    default_type application/octet-stream;
    types {{
{types}
    }}
    log_format vhost '$host $remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time';
    access_log /dev/stdout vhost;
    client_body_temp_path {local}/body;
    proxy_temp_path {local}/proxy;
    fastcgi_temp_path {local}/fastcgi;
    uwsgi_temp_path {local}/uwsgi;
    scgi_temp_path {local}/scgi;
    include {local}/nginx/*.conf;
}}
"""


def templates(service: str, webserver: Webserver) -> dict[str, Template]:
    """The configuration's files."""
    types = "\n".join(f"        {kind} {endings};" for kind, endings in TYPES.items())
    main = _MAIN.format(workers=webserver.workers, local=LOCAL, types=types)
    found = {"local/nginx.conf": Template(text=main, on_change="SIGHUP")}
    if webserver.root is not None:
        found[f"local/nginx/{service}.conf"] = Template(text=site(webserver), on_change="SIGHUP")
    return found


def site(webserver: Webserver) -> str:
    """One server for every name: the front chooses who gets here."""
    lines = [
        "# Written by the fleet's program.",
        "server {",
        f'    listen {{{{ env "NOMAD_PORT_{webserver.port}" }}}} default_server;',
        f"    root {webserver.root};",
        f"    autoindex {'on' if webserver.listing else 'off'};",
        *_cached(webserver.cache, "    "),
        f"    location = {HEALTH} {{",
        "        access_log off;",
        "        default_type text/plain;",
        '        return 200 "healthy\\n";',
        "    }",
    ]
    for path, location in sorted(webserver.locations.items()):
        lines += _location(path, location)
    return "\n".join([*lines, "}"]) + "\n"


def _location(path: str, it: Location) -> list[str]:
    folder = it.root if it.root.endswith("/") or not path.endswith("/") else f"{it.root}/"
    return [
        f"    location {path} {{",
        f"        alias {folder};",
        f"        autoindex {'on' if it.listing else 'off'};",
        *_cached(it.cache, "        "),
        "    }",
    ]


def _cached(duration: str | None, indent: str) -> list[str]:
    """One header, not two: nginx's own `expires` would add another of the same name."""
    if duration is None:
        return []
    return [f'{indent}add_header Cache-Control "public, max-age={round(seconds(duration))}";']
