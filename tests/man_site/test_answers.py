"""The responder: what is sent with each answer, and nothing that others wrote as script."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.man_site.made import MAN, Origin, Site, deb, file, page, serving

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


def test_where_no_page_ever_came_it_is_well_and_shows_none_until_they_come(tmp_path: Path, made: Origin) -> None:
    with serving(made.program, tmp_path / "man") as site:
        assert site.get("/-/healthy").status == 200
        assert "fleet_man_pages 0\n" in site.get("/metrics").text
        assert "fleet_fresh" not in site.get("/metrics").text
        for path in ("/", "/ls.1", "/-/fresh"):
            assert site.get(path).status == 503, path
        shutil.copytree(made.tree, tmp_path / "man")
        site.until("/ls.1", 200)
        assert site.get("/-/fresh").status == 200


def test_pages_that_cannot_be_taken_up_make_it_ill(tmp_path: Path, made: Origin) -> None:
    shutil.copytree(made.tree, tmp_path / "man")
    (tmp_path / "man" / made.pointer()["index"]).unlink()
    with serving(made.program, tmp_path / "man") as site:
        assert site.get("/-/healthy").status == 503
        assert site.get("/ls.1").status == 503


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
