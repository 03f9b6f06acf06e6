"""Families of hostile package files, each made from a seed, with what must come of each.

A family makes one package file. Either it must be listed as bad, by the package's name, or what looks hostile is
harmless. The good page of the same package must be there wherever the family says so.
"""

from __future__ import annotations

import random
import tarfile
from collections.abc import Callable
from dataclasses import dataclass

from tests.man_site.large import first_packed, good, large, long_line, unended
from tests.man_site.made import MAN, ar, archive, deb, file, link, packed, page


@dataclass(frozen=True)
class Family:
    """One kind of hostile file."""

    name: str
    make: Callable[[random.Random, str], bytes]
    bad: bool
    """It is listed with its package."""
    good: bool = True
    """The good page of the same package is there."""


def loops(seed: random.Random, name: str) -> bytes:
    """Links that lead round in circles of one to six, or to a folder of links to themselves."""
    length = seed.randint(1, 6)
    around = [link(f"./{MAN}/man1/bad-{i}.1", f"bad-{(i + 1) % length}.1") for i in range(length)]
    if seed.random() < 0.3:
        around.append(link(f"./{MAN}/xx", "xx"))
        around.append(link(f"./{MAN}/man1/bad-x.1", "../xx/man1/y.1"))
    return deb([*around, good(name)])


def climbing(seed: random.Random, name: str) -> bytes:
    """Names with `..` that would lie outside of the package, or of the folder of manuals."""
    up = "../" * seed.randint(1, 30)
    path = seed.choice(
        [f"{up}canary/man1/bad.1", f"./{MAN}/man1/{up}../canary/bad.1", f"{MAN}/../../../{up}{MAN}/man1/bad.1"]
    )
    return deb([file(path, page("bad")), good(name)])


def absolute(seed: random.Random, name: str) -> bytes:
    """Absolute names: they mean the same place inside of the package."""
    path = seed.choice([f"/{MAN}/man1/abs-{name}.1", f"///{MAN}//man1/abs-{name}.1", f"/./{MAN}/./man1/abs-{name}.1"])
    return deb([file(path, page(f"abs-{name}")), good(name)])


def outward(seed: random.Random, name: str) -> bytes:
    """Links out of the package: to the machine's files, up, and hard ones."""
    up = "../" * seed.randint(5, 40)
    to, kind = seed.choice(
        [
            (f"{up}etc/passwd", tarfile.SYMTYPE),
            ("/etc/shadow", tarfile.SYMTYPE),
            ("/proc/self/environ", tarfile.SYMTYPE),
            (f"{up}canary/file", tarfile.LNKTYPE),
            ("/etc/passwd", tarfile.LNKTYPE),
            ("", tarfile.SYMTYPE),
            (".", tarfile.SYMTYPE),
        ]
    )
    return deb([link(f"./{MAN}/man1/bad.1", to, kind), good(name)])


def devices(seed: random.Random, name: str) -> bytes:
    """Devices, pipes and folders in the place of pages."""
    info = tarfile.TarInfo(f"./{MAN}/man1/bad.1")
    info.type = seed.choice([tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"s", b"Z"])
    info.devmajor, info.devminor = seed.choice([(1, 5), (1, 8), (8, 0), (255, 255)])
    return deb([info, good(name)])


def nothing(seed: random.Random, name: str) -> bytes:
    """Pages of no bytes, or of nothing but space."""
    return deb([file(f"./{MAN}/man1/bad.1{seed.choice(['', '.gz'])}", b" \n\t" * seed.randint(0, 3)), good(name)])


def empty(seed: random.Random, _: str) -> bytes:
    """Packages of no bytes, or of a few."""
    return seed.choice(
        [b"", b"\0", b"!<arch>\n", b"\x1f\x8b", b"!<arch>\ndebian-binary", seed.randbytes(seed.randint(1, 100))]
    )


def cut(seed: random.Random, name: str) -> bytes:
    """Packages that end in the middle: of the archive, of the packing, of a header."""
    many = [file(f"./{MAN}/man1/{name}-{i}.1", page("x", more=seed.randbytes(300).hex())) for i in range(5)]
    whole = deb(many, seed.choice(["gz", "gz", "gz", "xz", "zst"]))
    return whole[: seed.randint(len(whole) // 4, len(whole) * 9 // 10)]


def bombs(seed: random.Random, name: str) -> bytes:
    """A little that becomes very much: in the package, or in a page."""
    if seed.random() < 0.5:
        return large(name, f"./{MAN}/man1/bad.1.gz", seed.randint(6, 12), in_page=True)
    return large(name, "./usr/lib/large", seed.randint(40, 45), in_page=False)


def roff(seed: random.Random, name: str) -> bytes:
    """Requests that call themselves, never end, count for ever, or include what there is not."""
    text = seed.choice(
        [
            ".de x\n.x\n..\n.x\n",
            ".de a\n.b\n..\n.de b\n.a\n..\n.a\n",
            ".while 1 \\{\\\n.nop x\n.\\}\n",
            ".ds x \\*x\\*x\n\\*x\n",
            ".so bad.1\nmore\n",
            ".TS\nl l l.\n" + "T{\n" * 200,
            ".EQ\n" + "{ sqrt " * 500 + "\n.EN\n",
            ".if 1 \\{\\\n" * 500,
            ".de 1\n.de 2\n.de 3\n",
            ".Bl -tag\n" * 300,
            ".nr x 1 1\n.rr x\n\\n(xx\\n[" + "y" * 2000 + "\n",
            ".tr " + "ab" * 500 + "\n",
            "\\N'999999999'\\h'99999999n'\\v'-99999'\\s-99",
            ".ll 1\n.in 999999999\n",
            "\\fX\\f[" + "B" * 999 + "]\\(xx\\[uFFFFFFFF]",
        ]
    )
    head = seed.choice(
        ["", f".TH X 1\n.SH NAME\nodd-{name} \\- odd\n", f".Dd x\n.Dt X 1\n.Os\n.Sh NAME\n.Nm odd-{name}\n.Nd odd\n"]
    )
    noise = "".join(chr(seed.randint(32, 126)) for _ in range(seed.randint(0, 400)))
    return deb([file(f"./{MAN}/man1/odd-{name}.1", f"{head}{text}{noise}\nwords\n".encode()), good(name)])


def encodings(seed: random.Random, name: str) -> bytes:
    """Text in encodings that its folder does not say, half characters, and zero bytes among it."""
    folder = seed.choice(
        ["ja", "ru", "de.ISO8859-1", "zh_CN.GB2312", "ko.eucKR", "xx.NOSUCH-9", "fr.UTF-8", "pl", "tr.UTF-16"]
    )
    body = page(f"enc-{name}") + seed.randbytes(seed.randint(1, 400)).replace(b"\n.", b"\n")
    prefix = seed.choice([b"", b"\xff\xfe", b"\xef\xbb\xbf", b"\0\0\0", b"'\\\" -*- coding: nosuch -*-\n"])
    return deb([file(f"./{MAN}/{folder}/man1/enc-{name}.1", prefix + body), good(name)])


def lines(seed: random.Random, name: str) -> bytes:
    """A line of ten megabytes, more or less."""
    return first_packed(good(name), long_line(10_000_000 + seed.randint(0, 9) * 50_000))


def names(seed: random.Random, name: str) -> bytes:
    """Names that nobody can say: control characters, directions of text, no UTF-8, too long."""
    odd = seed.choice(["a\x1b[31mb", "x\ny", "\u202eabc", "n" * 300, "\udcff\udcfe", "q\u200bq", "\x7f", "t\tt"])
    info = tarfile.TarInfo(f"./{MAN}/man1/{odd}{seed.randint(0, 99)}.1")
    info.size = len(page("bad"))
    return deb([(info, page("bad")), good(name)])


def sizes(seed: random.Random, name: str) -> bytes:
    """Headers that promise other sizes than there are: huge, or negative."""
    data = bytearray(archive([good(name), file(f"./{MAN}/man1/bad.1", page("bad"))]))
    at = data.index(b"bad.1") // 512 * 512
    if seed.random() < 0.5:
        data[at + 124 : at + 136] = b"77777777777\0"
    else:
        data[at + 124 : at + 136] = b"\x80\x00\x00\x00\x7f" + bytes([seed.randint(1, 255)] * 7)
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = f"{sum(data[at : at + 512]):06o}\0 ".encode()
    return ar({"debian-binary": b"2.0\n", "data.tar.gz": packed(bytes(data), "gz")})


def sparse(seed: random.Random, name: str) -> bytes:
    """Sparse files: a page of hardly any bytes that says it is of many gigabytes."""
    real = seed.choice([2**33, 2**40, 2**50, 10**9])
    held = tarfile.TarInfo(f"./{MAN}/man1/bad.1")
    held.size = 6
    held.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": f"./{MAN}/man1/bad.1",
        "GNU.sparse.realsize": str(real),
    }
    data = unended(good(name)) + held.tobuf(tarfile.PAX_FORMAT) + b"1\n0\n1\n".ljust(512, b"\0") + b"\0" * 1024
    return ar({"debian-binary": b"2.0\n", "data.tar.gz": packed(data, "gz")})


def hard(seed: random.Random, name: str) -> bytes:
    """Hard links to what is nowhere, to themselves, or to what comes later."""
    to = seed.choice([f"./{MAN}/man1/nowhere-{name}.1", f"./{MAN}/man1/bad.1", "./usr/bin/nothing", ""])
    return deb([link(f"./{MAN}/man1/bad.1", to, tarfile.LNKTYPE), good(name)])


def deep(seed: random.Random, name: str) -> bytes:
    """Folders in folders, a thousand deep, and links as deep."""
    path = "/".join(["d"] * seed.randint(200, 1200))
    members = [file(f"./{MAN}/{path}/man1/deep.1", page("deep")), link(f"./{MAN}/man1/bad.1", f"{path}/../nowhere")]
    return deb([*members, good(name)])


def included(seed: random.Random, name: str) -> bytes:
    """Pages that consist of each other, in circles or in a row that is too long."""
    length = seed.choice([1, 2, 3, 12, 40])
    around = [file(f"./{MAN}/man1/bad-{i}.1", f".so man1/bad-{(i + 1) % length}.1\n".encode()) for i in range(length)]
    return deb([*around, good(name)])


def packing(seed: random.Random, name: str) -> bytes:
    """Pages that say by their name how they are packed, and are not, or are broken inside."""
    how = seed.choice(["gz", "xz", "zst"])
    data = bytearray(packed(page("bad", more=seed.randbytes(500).hex()), how))
    for _ in range(seed.randint(3, 30)):
        data[seed.randint(len(data) // 3, len(data) - 1)] ^= seed.randint(1, 255)
    return deb([file(f"./{MAN}/man1/bad.1.{how}", bytes(data[: -seed.randint(9, 30)])), good(name)])


def many(seed: random.Random, name: str) -> bytes:
    """More pages in one package than it may have."""
    return deb(
        [
            good(name),
            *(
                file(f"./{MAN}/man3/{name}-{i}.3", f".so man1/good-{name}.1".encode())
                for i in range(seed.randint(105, 130))
            ),
        ]
    )


def script(seed: random.Random, name: str) -> bytes:
    """Text that would be script in a browser, in every place of a page that can hold any."""
    nasty = seed.choice(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "javascript:alert(1)",
            "</pre><svg onload=alert(1)>",
            "\\[u003C]script\\[u003E]alert(1)\\[u003C]/script\\[u003E]",
            "&lt;script&gt;",
            "'-alert(1)-'",
            "\\<\\s\\c\\ript>",
            "<style>*{}</style>",
        ]
    )
    word = nasty.replace(" ", "")
    body = (
        f".Dd {nasty}\n.Dt {word} 1\n.Os {nasty}\n.Sh NAME\n.Nm xss-{name}\n.Nd {nasty}\n.Sh {nasty}\n.Ss {nasty}\n"
        f".Lk {word} {nasty}\n.Mt {word}\n.Xr {word} 1\n.Bl -tag -width {word}\n.It Fl {nasty}\n{nasty}\n.El\n"
        f".Bd -literal -offset {word}\n{nasty}\n.Ed\n.Sx {nasty}\n.Tg {word}\n.In {nasty}\n.Pa {nasty}\n"
    )
    return deb([file(f"./{MAN}/man1/xss-{name}.1", body.encode()), good(name)])


FAMILIES = (
    Family("loops of links", loops, bad=True),
    Family("names with ..", climbing, bad=True),
    Family("absolute names", absolute, bad=False),
    Family("links out of the package", outward, bad=True),
    Family("devices, pipes, sockets", devices, bad=True),
    Family("pages of nothing", nothing, bad=True),
    Family("packages of nothing", empty, bad=True, good=False),
    Family("cut packages", cut, bad=True, good=False),
    Family("bombs", bombs, bad=True),
    Family("broken roff", roff, bad=False),
    Family("odd encodings and zero bytes", encodings, bad=False),
    Family("lines of ten megabytes", lines, bad=True),
    Family("names nobody can say", names, bad=True),
    Family("sizes that are none", sizes, bad=True),
    Family("sparse files", sparse, bad=True),
    Family("hard links to nowhere", hard, bad=True),
    Family("a thousand folders deep", deep, bad=True),
    Family(".so in circles", included, bad=True),
    Family("broken packing of a page", packing, bad=True),
    Family("too many pages", many, bad=True),
    Family("script in pages", script, bad=False),
)
