"""Cases of the rules about zones."""

from __future__ import annotations

from model.checks import dns, records
from tests.model.case import DROPLET, ZONE, Case, unmanaged
from tests.model.change import GONE

CASES = (
    Case(
        dns.zone_names_are_full,
        {"zones/Void.example.": {"provider": "digitalocean", "adopted": True}},
        {"zones/void.example": {"provider": "digitalocean", "adopted": True}},
    ),
    Case(dns.names_are_relative, {f"{ZONE}/txt/new.": [{"value": "x"}]}, {f"{ZONE}/txt/new": [{"value": "x"}]}),
    Case(
        dns.names_are_relative,
        {f"{ZONE}/txt/new.fleet.example": [{"value": "x"}]},
        {f"{ZONE}/txt/new.fleet": [{"value": "x"}]},
    ),
    Case(
        dns.names_are_relative,
        {f"{ZONE}/aliases/repo": {"name": "mirrors."}},
        {f"{ZONE}/aliases/repo": {"name": "control"}},
        also=(dns.aliases_point_somewhere,),
    ),
    Case(dns.names_are_relative, {f"{ZONE}/txt/a.*": [{"value": "x"}]}, {f"{ZONE}/txt/*.a": [{"value": "x"}]}),
    Case(
        dns.outside_names_are_full,
        {f"{ZONE}/aliases/n": {"outside": "a.example"}},
        {f"{ZONE}/aliases/n": {"outside": "a.example."}},
    ),
    Case(
        dns.outside_names_are_full,
        {f"{ZONE}/mail/@/1/outside": "mx.hoster.example"},
        {f"{ZONE}/mail/@/1/outside": "mx.hoster.example."},
    ),
    Case(
        dns.outside_names_are_full,
        {f"{ZONE}/aliases/n": {"outside": "a..example."}},
        {f"{ZONE}/aliases/n": {"outside": "_a.b.example."}},
    ),
    Case(
        dns.aliases_point_once,
        {f"{ZONE}/aliases/repo": {"name": "mirrors", "machine": "a-nyc-us"}},
        {f"{ZONE}/aliases/repo": {"secret": "repo-target"}},
    ),
    Case(
        dns.aliases_point_somewhere,
        {f"{ZONE}/aliases/repo": {"machine": "b-nyc-us"}},
        {f"{ZONE}/aliases/repo": {"machine": "a-nyc-us"}},
    ),
    Case(
        dns.aliases_point_somewhere,
        {f"{ZONE}/aliases/repo": {"name": "mirror"}},
        {f"{ZONE}/aliases/repo": {"name": "repo-us"}},
    ),
    Case(
        dns.aliases_point_somewhere,
        {f"{ZONE}/aliases/repo": {"name": "_dmarc"}},
        {f"{ZONE}/aliases/repo": {"name": "@"}},
    ),
    Case(
        dns.aliases_point_somewhere,
        {f"{ZONE}/aliases/repo": {"outside": "mirrors.fleet.example."}},
        {f"{ZONE}/aliases/repo": {"outside": "mirrors.fleet2.example."}},
    ),
    Case(dns.aliases_stand_alone, {f"{ZONE}/txt/repo": [{"value": "x"}]}, {f"{ZONE}/txt/mirrors": [{"value": "x"}]}),
    Case(
        dns.aliases_stand_alone,
        {f"{ZONE}/aliases/a-bru-be.m": {"machine": "a-nyc-us"}},
        {f"{ZONE}/aliases/b-bru-be.m": {"machine": "a-nyc-us"}},
    ),
    Case(
        dns.aliases_stand_alone,
        {f"{ZONE}/aliases/@": {"machine": "a-nyc-us"}},
        {f"{ZONE}/aliases/apex": {"machine": "a-nyc-us"}},
    ),
    Case(
        dns.names_are_declared_once,
        {f"{ZONE}/addresses/metrics": {"ipv4": ["10.77.8.2"], "why": "x"}},
        {f"{ZONE}/addresses/metrics-2": {"ipv4": ["10.77.8.2"], "why": "x"}},
    ),
    Case(
        dns.names_are_declared_once,
        {f"{ZONE}/pools/a-bru-be.m": {"role": "worker"}},
        {f"{ZONE}/pools/workers": {"role": "worker"}},
    ),
    Case(
        dns.aliases_end,
        {f"{ZONE}/aliases/p": {"name": "q"}, f"{ZONE}/aliases/q": {"name": "p"}},
        {f"{ZONE}/aliases/p": {"name": "q"}, f"{ZONE}/aliases/q": {"name": "mirrors"}},
    ),
    Case(dns.aliases_end, {f"{ZONE}/aliases/p": {"name": "p"}}, {f"{ZONE}/aliases/p": {"name": "repo"}}),
    Case(
        dns.pools_have_members,
        {"roles/idle": {"purpose": "x"}, f"{ZONE}/pools/idle": {"role": "idle"}},
        {"roles/idle": {"purpose": "x"}, f"{ZONE}/pools/idle": {"role": "worker"}},
    ),
    Case(dns.pools_have_members, {f"{ZONE}/pools/idle": {"role": "idle"}}, {f"{ZONE}/pools/idle": {"role": "mirror"}}),
    Case(
        dns.pools_have_members,
        {"machines/a-nyc-us/resting": {"metrics": "x"}},
        {"machines/a-bru-be/resting": {"metrics": "x"}},
    ),
    Case(
        dns.families_have_reasons,
        {f"{ZONE}/pools/control/because": GONE},
        {f"{ZONE}/pools/control/because": GONE, f"{ZONE}/pools/control/families": GONE},
    ),
    Case(
        dns.families_have_reasons,
        {f"{ZONE}/pools/control/families": []},
        {f"{ZONE}/pools/control/families": ["ipv6", "ipv4"]},
    ),
    Case(
        records.mail_points_once,
        {f"{ZONE}/mail/@/0": {"priority": 10}},
        {f"{ZONE}/mail/@/0": {"priority": 10, "machine": "a-nyc-us"}},
    ),
    Case(records.mail_points_once, {f"{ZONE}/mail/@/0/machine": "b-nyc-us"}, {f"{ZONE}/mail/@/0/machine": "a-nyc-us"}),
    Case(
        records.mail_goes_to_no_alias,
        {f"{ZONE}/mail/@/1/outside": "registry.fleet.example."},
        {f"{ZONE}/mail/@/1/outside": "mirrors.fleet.example."},
    ),
    Case(
        records.mail_goes_to_no_alias,
        {f"{ZONE}/mail/@/1/outside": "mx.s.fleet.example."},
        {f"{ZONE}/mail/@/1/outside": "mx.s.fleet2.example."},
    ),
    Case(
        records.mail_goes_somewhere,
        {f"{ZONE}/mail/@/1/outside": "nobody.fleet.example."},
        {f"{ZONE}/mail/@/1/outside": "www.fleet.example."},
    ),
    Case(records.records_say_something_once, {f"{ZONE}/txt/new": []}, {f"{ZONE}/txt/new": [{"value": "x"}]}),
    Case(
        records.records_say_something_once,
        {f"{ZONE}/txt/new": [{"value": "x"}, {"value": "x"}]},
        {f"{ZONE}/txt/new": [{"value": "x"}, {"value": "y"}]},
    ),
    Case(
        records.records_say_something_once,
        {f"{ZONE}/mail/@/0": {"priority": 20, "outside": "backup-mx.hoster.example."}},
        {f"{ZONE}/mail/@/0": {"priority": 20, "outside": "backup-mx-2.hoster.example."}},
    ),
    Case(
        records.texts_have_one_source,
        {f"{ZONE}/txt/new": [{"value": "x", "secret": "y"}]},
        {f"{ZONE}/txt/new": [{"prefix": "x", "secret": "y"}]},
    ),
    Case(
        records.texts_have_one_source,
        {f"{ZONE}/txt/new": [{"value": "x", "prefix": "y"}]},
        {f"{ZONE}/txt/new": [{"secret": "x", "prefix": "y"}]},
    ),
    Case(
        records.senders_exist,
        {f"{ZONE}/txt/@/0/value": "v=spf1 a:b-bru-be.m.fleet.example ~all"},
        {f"{ZONE}/txt/@/0/value": "v=spf1 a:mail.hoster.example ~all"},
    ),
    Case(
        records.authorities_are_names,
        {f"{ZONE}/caa/@/0/value": "https://letsencrypt.org"},
        {f"{ZONE}/caa/@/0/value": ";"},
    ),
    Case(
        records.authorities_are_names,
        {f"{ZONE}/caa/@/1/value": "somebody"},
        {f"{ZONE}/caa/@/1/value": "https://fleet.example/caa"},
    ),
    Case(
        records.addresses_are_not_ours,
        {f"{ZONE}/addresses/www/ipv4": ["10.77.9.1"]},
        {f"{ZONE}/addresses/www/ipv4": ["10.77.9.2"]},
    ),
    Case(
        records.addresses_are_given,
        {f"{ZONE}/addresses/www/ipv4": []},
        {f"{ZONE}/addresses/www/ipv4": [], f"{ZONE}/addresses/www/ipv6": ["fd77::8:2"]},
    ),
    Case(
        records.missing_ipv6_has_reasons,
        {f"{ZONE}/without_ipv6": {"b-bru-be": "x"}},
        {f"{ZONE}/without_ipv6": {"a-bru-be": "x"}},
    ),
    Case(
        records.missing_ipv6_has_reasons,
        unmanaged(network={"mode": "static", "interface": "eth0", "addresses": ["2a01:4f9:2b:c9e::2/64"]}),
        unmanaged(network={"mode": "static", "interface": "eth0", "addresses": ["fd77::9:9/64"]}),
    ),
    Case(
        records.missing_ipv6_has_reasons,
        {f"{DROPLET}/ipv6": False, f"{ZONE}/without_ipv6": {"a-ams-nl": "x"}},
        {f"{ZONE}/without_ipv6": {"a-ams-nl": "x"}},
    ),
)
