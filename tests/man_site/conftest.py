"""The real program, and an empty origin for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.man_site.made import MAN, Origin, Site, deb, file, link, page, serving, xbps
from toolchain.servers import ensure_servers


@pytest.fixture(scope="session")
def program() -> Path:
    """fleet-man, as hosts have it."""
    return ensure_servers() / "bin" / "fleet-man"


@pytest.fixture
def origin(tmp_path: Path, program: Path) -> Origin:
    """An origin without packages."""
    (tmp_path / "origin").mkdir()
    return Origin(tmp_path / "origin", program)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Origin:
    """An origin with what an address can mean."""
    folder = tmp_path_factory.mktemp("site") / "origin"
    folder.mkdir()
    origin = Origin(folder, program)
    see = ".SH SEE ALSO\n.BR mv (1),\n\\fBnosuch\\fP(1),\n.BR printf (3)\n"
    tools = [
        file(f"./{MAN}/man1/ls.1", page("ls", title="list files", more=see)),
        file(f"./{MAN}/man1/mv.1", page("mv", title="move files")),
        file(f"./{MAN}/man1/printf.1", page("printf", title="format words")),
        file(f"./{MAN}/man3/printf.3", page("printf", "3", title="formatted output")),
        file(f"./{MAN}/man5/git.conf.5", page("git.conf", "5", title="settings")),
        file(f"./{MAN}/de/man1/ls.1", page("ls", title="Dateien auflisten")),
        file(f"./{MAN}/man1/Upper.1", page("Upper")),
        file(f"./{MAN}/man1/[.1", page("[", title="test")),
        file(f"./{MAN}/man1/a&b<c>.1", page("amp", title="odd & <b>bold</b>")),
        file(
            f"./{MAN}/man7/links.7",
            b".Dd 1\n.Dt LINKS 7\n.Os\n.Sh NAME\n.Nm links\n.Nd of mdoc\n.Sh X\n.Xr ls 1 ,\n.Xr gone 9\n"
            b'.Lk javascript:alert(1) "press me"\n.Lk https://example.org/ "good"\n.Mt a@example.org\n',
        ),
        link(f"./{MAN}/man1/dir.1", "ls.1"),
        link(f"./{MAN}/man1/round.1", "round.1"),
    ]
    origin.debs = {"tools": ("1.0", deb(tools))}
    origin.xbps = {
        "tools-2.0_1.x86_64.xbps": xbps([file(f"./{MAN}/man1/ls.1", page("ls", title="list files of xbps"))]),
        "only-1.0_1.x86_64.xbps": xbps([file(f"./{MAN}/man8/only.8", page("only", "8", title="is here alone"))]),
    }
    assert origin.run().code == 0
    return origin


@pytest.fixture(scope="session")
def site(made: Origin) -> Iterator[Site]:
    """A responder over it."""
    with serving(made.program, made.tree) as it:
        yield it
