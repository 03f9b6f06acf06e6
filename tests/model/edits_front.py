"""Mistakes that people make about the front, in one line of stacks/local, and what a load says of each."""

from __future__ import annotations

from tests.model.edits import Edit

EDITS = (
    Edit(
        "tree-name-twice",
        "front.yaml",
        "    packages.fleet.example: repo.fleet.example",
        "    repo-us.fleet.example: repo.fleet.example",
        "A public name belongs to one service, tree or redirect, and the names of the control plane to none.",
        "repo-us.fleet.example belongs to the tree packages already",
        "keep one of the two",
    ),
    Edit(
        "record-that-nobody-answers",
        "dns.yaml",
        "      registry: {machine: a-bru-be}",
        "      registry: {name: mirrors}",
        "A name of a zone that leads to the front's machines is answered by somebody, or it is said why by nobody.",
        "registry.fleet.example leads to a-nyc-us, a-pdx-us, and no vhost or tree has the name",
        "say why not in front.unanswered",
    ),
    Edit(
        "certificate-without-a-name",
        "services/infradocs.yaml",
        "names: [infradocs.s.fleet.example]",
        "names: [infradocs.x.s.fleet.example]",
        "The front's certificate is for every name that the front answers: a wildcard covers one label.",
        "no name of the certificate covers infradocs.x.s.fleet.example",
        "*.x.s.fleet.example",
    ),
    Edit(
        "front-boolean-in-quotes",
        "front.yaml",
        "      listing: true",
        '      listing: "false"',
        "A value is of the type that its field asks for; none is converted.",
        "'false' stands where true or false is wanted",
        "write true or false",
    ),
    Edit(
        "tree-without-a-volume",
        "front.yaml",
        "      volume: dist_mirror",
        "      volume: dist_miror",
        "A tree is in a volume that each of the front's machines offers.",
        "a-nyc-us, a-pdx-us offers no volume dist_miror",
        "dist_mirror",
    ),
    Edit(
        "virtual-network-is-the-fabrics",
        "front.yaml",
        "  virtual: 198.18.0.0/16",
        "  virtual: 10.99.0.0/16",
        "The fabric, the clouds' networks and the front's virtual one have ranges that do not overlap.",
        "10.99.0.0/16 overlaps 10.99.0.0/24 of fabric.subnet",
        "take another range",
    ),
    Edit(
        "last-mirror-drained",
        "machines.yaml",
        '    resting: {metrics: "not counted while its disk is being filled"}',
        '    resting: {metrics: "its disk", front: "a test"}',
        "Some machine of the front takes the shared names: the last one is not drained.",
        "a-nyc-us, a-pdx-us all rest from front",
        "let one of them take requests",
    ),
)

CHANGED_TOO = {
    "last-mirror-drained": [
        (
            "machines.yaml",
            "    fabric: {address: 10.99.0.21}",
            "    fabric: {address: 10.99.0.21}\n    resting: {front: a test}",
        )
    ],
}
