"""The token that a login gets from the directory itself, from a real server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cli.login_directory import tokens
from providers.netauth.calls import TOKEN, Calls
from providers.netauth.client import Client
from tests.servers import netauth

pytestmark = pytest.mark.servers
SECRET = "a word of this test alone"


def test_a_login_gets_a_token_that_the_server_takes_and_a_wrong_word_gets_none(server: netauth.Server) -> None:
    client = server.client(patience=2.0)
    client.create_entity("lea", 2987, SECRET)
    found, why = tokens(server.place, "lea", SECRET)
    assert (list(found), why) == ([TOKEN], "")
    # It is a token, and it may nothing.
    mine = Client(Calls(server.place, token=lambda: found[TOKEN], patience=2.0))
    with pytest.raises(Exception, match=r"(?i)requestor|capab|permission|unqualified"):
        mine.create_entity("max", 2988, SECRET)
    for person, word in (("lea", "another"), ("nobody", SECRET)):
        none, why = tokens(server.place, person, word)
        assert none == {}
        assert why
        assert word not in why
    client.set_locked("lea", True)
    assert tokens(server.place, "lea", SECRET)[0] == {}


def test_without_a_directory_or_an_answer_a_login_goes_on(server: netauth.Server) -> None:
    assert tokens(None, "lea", SECRET) == ({}, "")
    silent = replace(server.place, port=1)
    none, why = tokens(silent, "lea", SECRET)
    assert none == {}
    assert why
