"""The keys of gossip: made once, told to members by the authorities, and to nobody else."""

from __future__ import annotations

import stat

from tests.hostconfig.enrolment import HOSTS, VOTERS, Fleet, fleet

__all__ = ["fleet"]
GOSSIP = "etc/fleet/gossip/"


def test_gossip_keys_are_born_once_every_control_host_has_none(fleet: Fleet) -> None:
    fleet.down("c-nyc-us")
    done, said = fleet.renew("b-fra-de")
    assert not done
    assert "no control host has gossip keys yet" in said
    done, said = fleet.renew("a-ams-nl")
    assert not done
    assert "no gossip keys are made while these may have some: c-nyc-us" in said
    assert not fleet.path("a-ams-nl", GOSSIP + "consul").exists()
    fleet.down()
    done, said = fleet.renew("a-ams-nl")
    assert done, said
    for host in ("b-fra-de", "c-nyc-us", "m-hel-fi"):
        assert fleet.renew(host)[0]
    keys = {host: fleet.path(host, GOSSIP + "consul").read_text() for host in HOSTS}
    assert len(set(keys.values())) == 1
    assert len(keys["a-ams-nl"].strip()) == 44
    assert fleet.path("c-nyc-us", GOSSIP + "nomad").read_text() == fleet.path("a-ams-nl", GOSSIP + "nomad").read_text()
    assert not fleet.path("m-hel-fi", GOSSIP + "nomad").exists(), "Nomad's clients do not gossip"
    assert stat.S_IMODE(fleet.path("m-hel-fi", GOSSIP + "consul").stat().st_mode) == 0o640
    log = fleet.path("a-ams-nl", "var/lib/fleet/authority.log").read_text()
    assert "m-hel-fi told the gossip keys of consul\n" in log
    assert not any(key.strip() in log for key in keys.values())


def test_the_first_control_host_made_anew_takes_the_keys_that_the_others_have(fleet: Fleet) -> None:
    for host in VOTERS:
        fleet.renew(host)
    for host in VOTERS:
        fleet.renew(host)
    before = fleet.path("b-fra-de", GOSSIP + "consul").read_text()
    for agent in ("consul", "nomad"):
        fleet.path("a-ams-nl", GOSSIP + agent).unlink()
    fleet.down("c-nyc-us")
    assert fleet.renew("a-ams-nl")[0]
    assert fleet.path("a-ams-nl", GOSSIP + "consul").read_text() == before
