"""Packages with a large part that is packed once for all of them."""

from __future__ import annotations

import functools

from tests.man_site.made import MAN, Member, ar, archive, file, packed, page


def good(name: str) -> Member:
    """The page of the package that is as it should be."""
    return file(f"./{MAN}/man1/good-{name}.1", page(f"good-{name}"))


def first_packed(member: Member, rest: bytes) -> bytes:
    """A package of one member and of what is packed already: packed parts in a row are one packed whole."""
    return ar({"debian-binary": b"2.0\n", "data.tar.gz": packed(unended(member), "gz") + rest})


def unended(member: Member) -> bytes:
    """An archive that goes on."""
    first = archive([member]).rstrip(b"\0")
    return first + b"\0" * (-len(first) % 512)


@functools.cache
def long_line(length: int) -> bytes:
    """A page of one line, packed."""
    return packed(archive([file(f"./{MAN}/man1/bad.1", page("bad", more="y" * length))]), "gz")


@functools.cache
def zeros(path: str, megabytes: int, *, in_page: bool) -> bytes:
    """A file of zeros, packed once, or twice."""
    data = bytes(megabytes * 2**20)
    return packed(archive([file(path, packed(data, "gz") if in_page else data)]), "gz")


def large(name: str, path: str, megabytes: int, *, in_page: bool) -> bytes:
    """A package of a few bytes that becomes so many."""
    return first_packed(good(name), zeros(path, megabytes, in_page=in_page))
