"""The fleet as a picture, drawn from the data: regions, their machines with roles, and the fabric between them.

One narrow column, so that it can be read on a phone, with colours for light and dark. No other file, no script.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from model import Fleet
from model.machine import Machine

WIDTH = 360
ROW, GAP, REGION = 44, 6, 30
BUS, LEFT = 16, 32
AT = {"droplet": "DigitalOcean", "ec2": "AWS", "gce": "GCP"}
STYLE = """\
text { font-family: ui-sans-serif, system-ui, sans-serif; font-size: 12px; fill: #1f2328 }
.name { font-family: ui-monospace, monospace; font-size: 13px; font-weight: 600 }
.title { font-size: 15px; font-weight: 600 }
.soft { fill: #59636e }
.page { fill: #ffffff }
.box { fill: #f6f8fa; stroke: #8c959f }
.apart { stroke-dasharray: 4 3 }
.bus { stroke: #0969da; stroke-width: 2; fill: none }
.peer { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .soft { fill: #9198a1 } .page { fill: #0d1117 }
  .box { fill: #151b23; stroke: #656c76 } .bus { stroke: #4493f8 } .peer { fill: #4493f8 }
}"""


def target(root: Path, stack: str) -> Path:
    """Where a stack's picture is kept."""
    return root / "docs" / f"fleet-{stack}.svg"


def draw(fleet: Fleet) -> str:
    """The picture as text. The same data gives the same text, so a test can say that it is up to date."""
    body: list[str] = []
    y = 74
    first = last = 0
    for region in sorted(fleet.regions):
        here = [name for name, m in sorted(fleet.machines.items()) if m.region == region]
        if not here:
            continue
        y += REGION
        body.append(_text(LEFT, y - 9, fleet.regions[region].site, "soft"))
        for name in here:
            machine = fleet.machines[name]
            body += _machine(name, machine, y)
            if machine.fabric:
                first, last = first or y + ROW // 2, y + ROW // 2
            y += ROW + GAP
    peers = len(fleet.peers)
    fabric = fleet.fabric
    said = f"{len(fleet.machines)} machines in {len({m.region for m in fleet.machines.values()})} regions"
    head = [
        _text(LEFT, 26, fleet.fleet, "title"),
        _text(LEFT, 46, said, "soft"),
        _text(LEFT, 64, f"fabric {fabric.interface} {fabric.subnet}, {peers} peers, full mesh", "soft"),
    ]
    bus = [f'<path class="bus" d="M{LEFT - 4} 60 H{BUS} V{last}"/>'] if first else []
    height = y + 10
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
            ' role="img" aria-labelledby="what">',
            f'<title id="what">{escape(fleet.fleet)}: {said}, {peers} of them on the fabric</title>',
            f"<style>\n{STYLE}\n</style>",
            f'<rect class="page" width="{WIDTH}" height="{height}"/>',
            *bus,
            *head,
            *body,
            "</svg>\n",
        ]
    )


def _machine(name: str, machine: Machine, y: int) -> list[str]:
    source = machine.source
    at = AT.get(source.kind) or (source.provider if source.kind == "metal" else source.kind)
    roles = ", ".join(machine.roles) or ("no role" if machine.managed else "not ours to manage")
    middle = y + ROW // 2
    lines = [
        f'<rect class="{"box" if machine.managed else "box apart"}" x="{LEFT}" y="{y}" width="{WIDTH - LEFT - 8}"'
        f' height="{ROW}" rx="6"/>',
        _text(LEFT + 10, y + 18, name, "name"),
        _text(WIDTH - 18, y + 18, _short(at, 26), "soft", end=True),
        _text(LEFT + 10, y + 36, _short(roles, 34)),
    ]
    if machine.fabric:
        lines.append(f'<path class="bus" d="M{BUS} {middle} H{LEFT}"/>')
        lines.append(f'<circle class="peer" cx="{BUS}" cy="{middle}" r="4"/>')
        lines.append(_text(WIDTH - 18, y + 36, machine.fabric.address, end=True))
    return lines


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _text(x: int, y: int, text: str, style: str = "", *, end: bool = False) -> str:
    css = f' class="{style}"' if style else ""
    anchor = ' text-anchor="end"' if end else ""
    return f'<text{css} x="{x}" y="{y}"{anchor}>{escape(text)}</text>'
