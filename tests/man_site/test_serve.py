"""The responder: addresses that people know, what is sent with each answer, and nothing that others wrote as script."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.man_site.made import MAN, Origin, Site, deb, file, link, page, serving, xbps

pytestmark = pytest.mark.servers

NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{.Body}}",
    "../../etc/passwd",
    "%00",
    "\r\nSet-Cookie: a=b",
    "a" * 5000,
    "é\u202ex",
    "'; DROP TABLE pages; --",
    "${jndi:ldap://x}",
    "ls\x00",
    "\\..\\..",
]
HOST = b"HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def site(made: Origin) -> Iterator[Site]:
    """A responder over it."""
    with serving(made.program, made.tree) as it:
        yield it


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/ls", "list files<"),
        ("/ls.1", "list files<"),
        ("/man1/ls.1", "list files<"),
        ("/man1/ls", "list files<"),
        ("/amd64/ls.1", "list files<"),
        ("/amd64/man1/ls.1", "list files<"),
        ("/x86_64/ls.1", "list files of xbps"),
        ("/x86_64/man1/ls.1", "list files of xbps"),
        ("/man1/x86_64/ls.1", "list files of xbps"),
        ("/de/ls.1", "Dateien auflisten"),
        ("/amd64/de/ls.1", "Dateien auflisten"),
        ("/de/man1/ls", "Dateien auflisten"),
        ("/printf", "format words"),
        ("/printf.3", "formatted output"),
        ("/man3/printf", "formatted output"),
        ("/git.conf", "settings"),
        ("/git.conf.5", "settings"),
        ("/only", "is here alone"),
        ("/x86_64/only.8", "is here alone"),
        ("/dir.1", "list files<"),
        ("/upper", "does things"),
        ("/%5B.1", "test"),
        ("/[.1", "test"),
        ("/a%26b%3Cc%3E.1", "odd &amp; &lt;b&gt;"),
        ("/links.7", "press me"),
        ("/ls.1?anything=1", "list files<"),
        ("/man1/", "ls(1)"),
        ("/man3/", "printf(3)"),
        ("/x86_64/man8/", "only(8)"),
        ("/package/tools", "round.1: a loop of links"),
        ("/package/only", "only(8)"),
        ("/", "As of"),
        ("/?query=files&apropos=1", "mv(1)"),
        ("/search?query=output&apropos=1&sec=3", "printf(3)"),
        ("/?query=alone&apropos=1&arch=x86_64", "only(8)"),
        ("/?query=ls&apropos=1&lang=de", "Dateien"),
        ("/?query=FILES+MOVE&apropos=1", "mv(1)"),
    ],
)
def test_addresses_lead_where_people_expect(site: Site, path: str, words: str) -> None:
    answer = site.get(path)
    assert answer.status == 200, path
    assert words in answer.text


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/?query=ls&apropos=0&sec=1&arch=default&manpath=void", "/ls.1"),
        ("/?query=ls", "/ls.1"),
        ("/?query=ls&sec=0&apropos=0", "/ls.1"),
        ("/?query=printf&sec=3", "/printf.3"),
        ("/?query=printf(3)", "/printf.3"),
        ("/?query=3+printf", "/printf.3"),
        ("/?query=printf.3", "/printf.3"),
        ("/?query=ls&arch=x86_64", "/x86_64/ls.1"),
        ("/?query=ls&manpath=x86_64&sec=1", "/x86_64/ls.1"),
        ("/?query=ls&lang=de", "/de/ls.1"),
        ("/search?query=only", "/only.8"),
        ("/?query=%5B", "/%5B.1"),
        ("/man1", "/man1/"),
    ],
)
def test_the_forms_of_man_cgi_lead_to_the_page(site: Site, path: str, to: str) -> None:
    answer = site.get(path)
    assert answer.status in (301, 302)
    assert answer.headers["location"] == to
    assert site.get(to).status == 200


@pytest.mark.parametrize(
    "path", ["/nosuch", "/ls.9", "/de/mv.1", "/x86_64/mv.1", "/man9/", "/package/no", "/a/b/c/ls.1"]
)
def test_what_is_not_there_is_said_so(site: Site, path: str) -> None:
    assert site.get(path).status == 404


def test_near_names_are_offered(site: Site) -> None:
    for asked, meant in (
        ("/prinft", "/printf.1"),
        ("/lss.1", "/ls.1"),
        ("/print", "/printf.1"),
        ("/?query=prnitf", "/printf.1"),
    ):
        answer = site.get(asked)
        assert answer.status == 404
        assert f'href="{meant}"' in answer.text, asked


def test_of_several_the_lowest_section_answers_and_names_the_others(site: Site) -> None:
    text = site.get("/printf").text
    assert "format words" in text
    assert 'href="/printf.3"' in text
    assert 'href="/de/ls.1"' in site.get("/ls").text
    assert 'href="/x86_64/ls.1"' in site.get("/ls").text


def test_links_lead_only_to_pages_that_are_there(site: Site) -> None:
    text = site.get("/ls.1").text
    assert re.search(r'<a class="xr" href="/mv\.1"><b>mv</b>\(1\)</a>', text)
    assert re.search(r'<a class="xr" href="/printf\.3"><b>printf</b>\(3\)</a>', text)
    assert 'href="/nosuch' not in text
    text = site.get("/links.7").text
    assert '<a class="xr" href="/ls.1">ls(1)</a>' in text
    assert "gone(9)" in text
    assert 'href="/gone' not in text
    assert "javascript:" not in text
    assert 'href="https://example.org/"' in text
    assert 'href="mailto:a@example.org"' in text


def test_each_answer_says_how_long_it_holds_and_what_it_may_do(site: Site) -> None:
    answer = site.get("/ls.1")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "max-age=60" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    (style,) = re.findall(r'href="(/-/style-[0-9a-f]{8}\.css)"', answer.text)
    css = site.get(style)
    assert css.status == 200
    assert "immutable" in css.headers["cache-control"]
    for word in ("prefers-color-scheme: dark", "overflow-x: auto"):
        assert word in css.text


def test_who_has_an_answer_already_is_told_so(site: Site) -> None:
    first = site.get("/ls.1")
    packed = site.get("/ls.1", Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == first.text
    assert len(packed.body) < len(first.body)
    assert packed.headers["etag"] != first.headers["etag"]
    for tag in (
        first.headers["etag"],
        packed.headers["etag"],
        f"W/{first.headers['etag']}",
        f'"x", {first.headers["etag"]}',
        "*",
    ):
        answer = site.get("/ls.1", If_None_Match=tag)
        assert (answer.status, answer.body) == (304, b""), tag
        assert "etag" in answer.headers
    assert site.get("/ls.1", If_None_Match='"other"').status == 200
    assert site.get("/ls.1", If_Modified_Since=first.headers["last-modified"]).status == 304
    assert site.get("/ls.1", If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT").status == 200
    assert site.get("/ls.1", If_None_Match='"other"', If_Modified_Since=first.headers["last-modified"]).status == 200
    for refused in ("identity", "gzip;q=0", "br", ""):
        assert "content-encoding" not in site.get("/ls.1", Accept_Encoding=refused).headers


def test_head_is_get_without_a_body_and_nothing_else_is_taken(site: Site) -> None:
    for path in ("/", "/ls.1", "/nosuch", "/-/healthy", "/?query=files&apropos=1"):
        whole, head = site.get(path), site.get(path, "HEAD")
        assert head.status == whole.status
        assert head.body == b""
        assert head.headers["content-length"] == str(len(whole.body))
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
        answer = site.get("/ls.1", method)
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("word", NASTY)
def test_hostile_names_and_queries_come_back_as_text_alone(site: Site, word: str) -> None:
    text = quote(word)
    for path in (
        f"/{quote(word, safe='')}",
        f"/?query={text}&apropos=1",
        f"/?query={text}",
        f"/man1/{text}",
        f"/package/{text}",
        f"/?query=ls&sec={text}",
        f"/man1/?page={text}",
        f"/?query=files&apropos=1&x={text}&lang={text}&page=-3",
    ):
        answer = site.get(path)
        assert answer.status in (200, 302, 400, 404, 414, 431), (path, answer.status)
        assert "set-cookie" not in answer.headers
        said = answer.text.replace('<link rel="stylesheet"', "")
        for never in ("<script", "<img", "onerror=alert(1)>", 'href="javascript', "root:x:"):
            assert never not in said, path
    assert site.get("/-/healthy").status == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /ls.1\r\n\r\n",
        b"GET /" + b"a" * 70000 + b" " + HOST + b"\r\n",
        b"\x00" * 5000,
        b"GET //../../etc/passwd " + HOST + b"\r\n",
        b"GET /ls.1 " + HOST + b"X: " + b"y" * 100000 + b"\r\n\r\n",
        b"GET http://evil/ " + HOST + b"\r\n",
        b"POST / " + HOST + b"Content-Length: 99999999999\r\n\r\n",
        b"GET /%zz " + HOST + b"\r\n",
        b"GET / " + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nzz\r\n",
        b"GET \\ " + HOST + b"\r\n",
    ],
)
def test_what_is_no_request_harms_nobody(site: Site, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=5) as wire:
        said = b""
        with suppress(OSError):  # It may hang up in the middle of what is too long.
            wire.sendall(raw)
            wire.shutdown(socket.SHUT_WR)
            said = wire.recv(65536)
    assert b"root:x:" not in said
    assert site.get("/ls.1").status == 200


def test_programs_are_told_how_old_the_pages_are(site: Site, made: Origin) -> None:
    fresh = json.loads(site.get("/-/fresh").text)
    assert fresh["at"] == made.pointer()["at"]
    assert fresh["pages"] == sum(len(it.get("p", [])) for it in made.index()["packages"])
    assert fresh["bad"] == 1
    text = site.get("/metrics").text
    assert f'fleet_fresh_timestamp_seconds{{job_name="man-pages",group="pages"}} {fresh["at"]}\n' in text
    assert f"fleet_man_pages {fresh['pages']}\n" in text
    assert re.search(r"^fleet_man_requests_total [1-9]", text, re.M)


def test_without_a_tree_it_is_not_healthy_and_takes_one_up_by_itself(tmp_path: Path, made: Origin) -> None:
    with serving(made.program, tmp_path / "man") as site:
        assert site.get("/-/healthy").status == 503
        assert site.get("/ls.1").status == 503
        shutil.copytree(made.tree, tmp_path / "man")
        site.until("/-/healthy", 200)
        assert site.get("/ls.1").status == 200


def test_a_pointer_that_comes_before_its_pages_is_waited_with(tmp_path: Path, origin: Origin) -> None:
    origin.debs = {"a": ("1", deb([file(f"./{MAN}/man1/a.1", page("a", title="is old"))]))}
    assert origin.run().code == 0
    shutil.copytree(origin.tree, tmp_path / "man")
    origin.debs = {"a": ("2", deb([file(f"./{MAN}/man1/a.1", page("a", title="is new"))]))}
    assert origin.run().code == 0
    blob = origin.pages()["a::a.1"]["b"]
    index = origin.pointer()["index"]
    with serving(origin.program, tmp_path / "man") as site, serving(origin.program, tmp_path / "man") as other:
        for name in ("man-current", index):
            shutil.copy(origin.tree / name, tmp_path / "man" / name)
        for _ in range(20):
            assert "is old" in site.get("/a.1").text
        # Also who starts just then has the old ones.
        with serving(origin.program, tmp_path / "man") as late:
            assert "is old" in late.get("/a.1").text
        place = tmp_path / "man" / "pages" / blob[:2] / f"{blob}.gz"
        place.parent.mkdir(exist_ok=True)
        shutil.copy(origin.tree / "pages" / blob[:2] / f"{blob}.gz", place)
        for one in (site, other):
            for _ in range(100):
                if "is new" in one.get("/a.1").text:
                    break
                subprocess.run(["sleep", "0.05"], check=True)
            assert "is new" in one.get("/a.1").text


def test_a_damaged_page_or_index_is_never_shown(tmp_path: Path, made: Origin) -> None:
    shutil.copytree(made.tree, tmp_path / "man")
    blob = made.pages()["tools::mv.1"]["b"]
    (tmp_path / "man" / "pages" / blob[:2] / f"{blob}.gz").write_bytes(b"\x1f\x8b not this")
    with serving(made.program, tmp_path / "man") as site:
        assert site.get("/mv.1").status == 503
        assert site.get("/ls.1").status == 200
        index = tmp_path / "man" / made.pointer()["index"]
        index.write_bytes(index.read_bytes()[:-10])
        (tmp_path / "man" / "man-current").write_text("{}")
        subprocess.run(["sleep", "0.3"], check=True)
        assert site.get("/ls.1").status == 200
    with serving(made.program, tmp_path / "man") as site:
        assert site.get("/-/healthy").status == 503


def test_the_memory_for_answers_is_bounded(made: Origin) -> None:
    with serving(made.program, made.tree, "--cache-mb", "1") as site:
        for i in range(3000):
            assert site.get(f"/nosuch{i}").status == 404
        rss = int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{site.child.pid}/status").read_text())[0])
        assert rss < 150_000


def test_it_reads_well_as_plain_text(site: Site) -> None:
    """What a browser without styles shows: the order of the text is that of reading, and every control has a name."""
    text = site.get("/ls.1").text
    assert text.index("Manual pages") < text.index("list files<") < text.index("All sections")
    assert text.count("<h1") >= 2
    home = site.get("/").text
    for control in re.findall(r"<(?:input|select)[^>]*>", home):
        assert "aria-label=" in control
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in home
