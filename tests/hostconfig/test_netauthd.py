"""NetAuth's server as hostconfig puts it on a host: the same bytes as blessed, and gone with the data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hostconfig.assess import assess
from hostconfig.desired import Desired, parse
from hostconfig.netauthd import HOST, SERVICE, config_text, netauthd
from hostconfig.plan import plan_of
from tests.hostconfig.platforms import PLATFORMS
from tests.hostconfig.samples import sample
from tests.hostconfig.simulation import bare, carried_out

GOLDEN = Path(__file__).parents[1] / "golden" / "hostconfig"
WISH = {"server": "netauth.fleet.example"}


def desired(os_: str, **changes: Any) -> Desired:
    return parse(sample(os=os_, netauth=WISH | changes))


@pytest.mark.parametrize("name", PLATFORMS)
def test_rendered_files_are_the_blessed_ones(name: str) -> None:
    part = netauthd(desired(PLATFORMS[name].os), PLATFORMS[name])
    page = "".join(f"===== {f.path} {f.mode} {f.owner} test: {f.check} wakes: {f.wakes}\n{f.text}" for f in part.files)
    page += f"===== packages: {' '.join(part.packages)}\n"
    page += "".join(f"===== account {it.name} {','.join(it.groups)} {it.shell} {it.home}\n" for it in part.accounts)
    page += "".join(f"===== service {it.name}: {it.hear}\n" for it in part.services)
    golden = GOLDEN / f"netauthd-{name}.txt"
    if os.environ.get("BLESS") == "1":
        golden.write_text(page)
    assert golden.read_text() == page, f"{golden.name} changed; if you meant it, rerun with BLESS=1"


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_host_without_it_has_nothing_of_it_and_one_that_lost_it_neither(name: str) -> None:
    platform = PLATFORMS[name]
    with_it, without = desired(platform.os), parse(sample(os=platform.os))
    assert "netauth" not in str(plan_of(without, platform))
    host = bare(platform)
    for wish in (with_it, without):
        for change in assess(wish, host).changes:
            host = carried_out(host, change, wish)
        assert not assess(wish, host).changes
        there = [path for path in host.files if "netauth" in path]
        assert bool(there) == (wish is with_it)
        assert ("up" if wish is with_it else "absent") == host.services[SERVICE]
        assert any("netauth" in user for user in host.users) == (wish is with_it)


def test_no_script_of_it_takes_a_secret_as_an_argument_or_from_a_file() -> None:
    for platform in PLATFORMS.values():
        tool = next(f.text for f in netauthd(desired(platform.os), platform).files if f.path == HOST.tool)
        lines = [
            line for line in tool.splitlines() if "secret" in line and not line.lstrip().startswith(("#", "root()"))
        ]
        assert [line for line in lines if "$secret" in line and "printf" not in line] == []
        assert "IFS= read -r secret" in tool


def test_times_and_costs_are_the_datas() -> None:
    wish = desired("debian", token_minutes=5, hash_cost=12, port=1730).netauth
    assert wish is not None
    text = config_text(wish)
    assert 'lifetime = "5m"' in text
    assert "cost = 12" in text
    assert "port = 1730" in text
    for wrong in ({"hash_cost": 3}, {"token_minutes": 0}, {"server": "a b"}, {"secret": "x"}):
        with pytest.raises(ValidationError):
            desired("debian", **wrong)
