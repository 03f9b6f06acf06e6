"""The responder: addresses that people know, and what is found under them."""

from __future__ import annotations

import re

import pytest

from tests.man_site.made import Site

pytestmark = pytest.mark.servers


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
