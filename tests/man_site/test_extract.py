"""What is taken out of packages, what it costs when little changed, and when the pages before stay."""

from __future__ import annotations

import tarfile

import pytest

from tests.man_site.made import MAN, Origin, ar, archive, deb, file, link, packed, page, serving, xbps

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("how", ["gz", "xz", "zst"])
def test_pages_come_out_of_both_kinds_of_packages_however_packed(origin: Origin, how: str) -> None:
    members = [
        file(f"./{MAN}/man1/tool.1.gz", packed(page("tool", title="a tool"), "gz")),
        file(f"./{MAN}/man3/func.3p.{how}", packed(page("func", "3p"), how)),
        file("./usr/local/share/man/man8/own.8", page("own", "8")),
        file(f"./{MAN}/de/man1/tool.1.gz", packed(page("tool", title="ein Werkzeug"), "gz")),
        file("./usr/bin/tool", b"\x7fELF"),
        file("./usr/share/doc/tool/man1/tool.1", b"no page"),
    ]
    origin.debs = {"tool": ("1.0", deb(members, how))}
    origin.xbps = {"thing-2.0_1.x86_64.xbps": xbps([file(f"./{MAN}/man1/thing.1", page("thing"))], how)}
    run = origin.run()
    assert (run.code, run.bad) == (0, {}), run.said
    assert set(origin.pages()) == {
        "tool::tool.1", "tool::func.3p", "tool::own.8", "tool:de:tool.1", "thing::thing.1",
    }  # fmt: skip
    assert origin.pages()["tool::tool.1"]["t"] == "a tool"
    assert "ein Werkzeug" in origin.html(origin.pages()["tool:de:tool.1"]["b"])
    packs = {it["n"]: it for it in origin.index()["packages"]}
    assert (packs["tool"]["v"], packs["thing"]["v"]) == ("1.0", "2.0_1")
    assert (origin.tree / "fresh.prom").read_text().startswith('fleet_fresh_timestamp_seconds{job_name="man-pages"')


def test_links_of_every_kind_lead_to_their_page(origin: Origin) -> None:
    one = [
        file(f"./{MAN}/man1/real.1.gz", packed(page("real", title="the page", more=""), "gz")),
        link(f"./{MAN}/man1/soft.1.gz", "real.1.gz"),
        link(f"./{MAN}/man1/absolute.1.gz", f"/{MAN}/man1/real.1.gz"),
        link(f"./{MAN}/man8/hard.8.gz", f"./{MAN}/man1/real.1.gz", tarfile.LNKTYPE),
        file(f"./{MAN}/man1/included.1", b'.\\" a comment\n.so man1/real.1\n'),
        link(f"./{MAN}/man1/twice.1", "soft.1"),
        link(f"./{MAN}/xx", "fr"),
        file(f"./{MAN}/fr/man1/real.1", page("real", title="la page")),
        link(f"./{MAN}/man1/through.1", "../xx/man1/real.1"),
        file(f"./{MAN}/man3/several.3", b".TH X 3\n.SH NAME\nseveral, other, more \\- functions\n"),
    ]
    two = [
        link(f"./{MAN}/man1/elsewhere.1.gz", "real.1.gz"),
        file(f"./{MAN}/man7/there.7", b".so man1/real.1\n"),
        link(f"./{MAN}/man1/nowhere.1", "missing.1"),
    ]
    origin.debs = {"one": ("1", deb(one)), "two": ("1", deb(two))}
    run = origin.run()
    pages = origin.pages()
    real = pages["one::real.1"]["b"]
    for name in ("soft.1", "absolute.1", "hard.8", "included.1", "twice.1"):
        assert pages[f"one::{name}"]["b"] == real, name
    assert pages["one::through.1"]["b"] == pages["one:fr:real.1"]["b"] != real
    assert pages["one::other.3"]["b"] == pages["one::more.3"]["b"] == pages["one::several.3"]["b"]
    assert run.bad == {"two": ["nowhere.1: leads to missing.1, which no package here has"]}
    with serving(origin.program, origin.tree) as site:
        for name in ("elsewhere.1", "there.7"):
            assert "the page" in site.get(f"/{name}").text
        assert site.get("/nowhere.1").status == 404


def test_encodings_become_utf8(origin: Origin) -> None:
    text = ".TH X 1\n.SH NAME\nx \\- {}\n"
    members = [
        file(f"./{MAN}/de.ISO8859-1/man1/a.1", text.format("größer").encode("iso-8859-1")),
        file(f"./{MAN}/ru.KOI8-R/man1/b.1", text.format("больше").encode("koi8-r")),
        file(f"./{MAN}/pl/man1/c.1", text.format("większy").encode("iso-8859-2")),
        file(f"./{MAN}/ja.eucJP/man1/d.1", text.format("大きい").encode("euc-jp")),
        file(f"./{MAN}/fr.UTF-8/man1/e.1", text.format("été").encode()),
        file(f"./{MAN}/sv/man1/f.1", text.format("större").encode("latin-1")),
    ]
    origin.debs = {"x": ("1", deb(members))}
    assert origin.run().code == 0
    said = {key.split(":")[1]: it["t"] for key, it in origin.pages().items() if ":x.1" not in key}
    assert said == {"de": "größer", "ru": "больше", "pl": "większy", "ja": "大きい", "fr": "été", "sv": "större"}


def test_only_what_changed_is_read_again_and_what_is_gone_disappears(origin: Origin) -> None:
    for i in range(40):
        origin.debs[f"p{i}"] = ("1", deb([file(f"./{MAN}/man1/p{i}.1", page(f"p{i}"))]))
    assert origin.run().code == 0
    before = origin.pages()
    for one in (origin.folder / "debian").glob("p*_1.deb"):
        if one.name != "p7_1.deb":
            one.write_bytes(b"if this is read, it is bad")
    origin.debs["p7"] = ("2", deb([file(f"./{MAN}/man1/p7.1", page("p7", title="does other things"))]))
    del origin.debs["p8"]
    place = origin.folder / "debian" / "p7_2.deb"
    listing = dict(origin.debs)
    place.write_bytes(listing["p7"][1])
    kept = {it: (origin.folder / "debian" / f"{it}_1.deb").read_bytes() for it in listing if it != "p7"}
    origin.write()
    for name, data in kept.items():
        (origin.folder / "debian" / f"{name}_1.deb").write_bytes(data)
    run = origin.extract()
    assert (run.code, run.bad) == (0, {}), run.said
    after = origin.pages()
    assert set(before) - set(after) == {"p8::p8.1"}
    assert [key for key in after if after[key] != before[key]] == ["p7::p7.1"]
    changes = {(it["package"], it.get("gone", False)) for it in origin.index()["changes"]}
    assert changes == {("p7", False), ("p8", True)}


def test_a_name_that_a_package_no_longer_has_is_gone_though_its_page_is_the_same(origin: Origin) -> None:
    members = [file(f"./{MAN}/man1/a.1", page("a")), link(f"./{MAN}/man1/b.1", "a.1")]
    origin.debs = {"x": ("1", deb(members))}
    assert origin.run().code == 0
    assert "x::b.1" in origin.pages()
    origin.debs = {"x": ("2", deb(members[:1]))}
    assert origin.run().code == 0
    assert set(origin.pages()) == {"x::a.1"}


def test_a_half_copied_package_keeps_its_pages_and_is_tried_again(origin: Origin) -> None:
    origin.debs = {name: ("1", deb([file(f"./{MAN}/man1/{name}.1", page(name))])) for name in ("a", "b")}
    assert origin.run().code == 0
    whole = deb([file(f"./{MAN}/man1/a.1", page("a", title="is new"))])
    origin.debs["a"] = ("2", whole)
    origin.write()
    (origin.folder / "debian" / "a_2.deb").write_bytes(whole[:-100])
    run = origin.extract()
    assert run.code == 0
    assert list(run.bad) == ["a"]
    assert "is not the file that the repository names" in run.bad["a"][0]
    assert origin.pages()["a::a.1"]["t"] == "does things"
    (origin.folder / "debian" / "a_2.deb").write_bytes(whole)
    run = origin.extract()
    assert (run.code, run.bad) == (0, {})
    assert origin.pages()["a::a.1"]["t"] == "is new"


def test_a_configuration_is_read_strictly_and_all_mistakes_are_told(origin: Origin) -> None:
    origin.settings = {"most_gone_percent": 0, "workers": -1, "limits": {"page_bytes": 0}}
    said = origin.run().said
    for word in ("most_gone_percent", "workers", "page_bytes"):
        assert word in said
    origin.settings = {"most_gone_precent": 5}
    assert 'unknown field "most_gone_precent"' in origin.run().said
    origin.settings = {"repositories": [{"path": "../..", "kind": "rpm", "arch": "a b"}]}
    said = origin.run().said
    for word in ("leads out of the origin", "it is xbps or deb", "no name of an architecture"):
        assert word in said


def test_who_renders_can_open_nothing_of_the_machine(origin: Origin) -> None:
    secret = origin.folder.parent / "secret.1"
    secret.write_text(".TH S 1\n.SH NAME\nsecret \\- hidden words\n")
    body = page("spy", more=f".so {secret}\n.so ../../../../../../..{secret}\n.so /etc/passwd\n")
    origin.debs = {"spy": ("1", deb([file(f"./{MAN}/man1/spy.1", body)]))}
    assert origin.run().code == 0
    text = origin.html(origin.pages()["spy::spy.1"]["b"])
    assert "hidden words" not in text
    assert "root:" not in text


def test_a_member_of_a_deb_that_is_cut_short_is_bad_and_named(origin: Origin) -> None:
    whole = archive([file(f"./{MAN}/man1/a.1", page("a")), file(f"./{MAN}/man1/b.1", page("b") * 100)])
    cut = ar({"debian-binary": b"2.0\n", "data.tar.gz": packed(whole, "gz")})[:-300]
    origin.debs = {"cut": ("1", cut), "good": ("1", deb([file(f"./{MAN}/man1/good.1", page("good"))]))}
    run = origin.run()
    assert run.code == 0
    assert list(run.bad) == ["cut"]
    assert "good::good.1" in origin.pages()
