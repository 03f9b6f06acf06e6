"""The base of every record: it refuses what it does not know, and never changes after loading."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

_KEY_TYPES = r"ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com"


class Strict(BaseModel):
    """Unknown keys are errors; a number is not taken for a string, nor `"false"` for a boolean."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _ipv4(text: str) -> str:
    if str(ipaddress.IPv4Address(text)) != text:
        raise ValueError(f"{text} is not the plain form of an IPv4 address")
    return text


def _ipv6(text: str) -> str:
    if str(ipaddress.IPv6Address(text)) != text:
        raise ValueError(f"write the IPv6 address {text} in its shortest form: {ipaddress.IPv6Address(text)}")
    return text


def _ip(text: str) -> str:
    if str(ipaddress.ip_address(text)) != text:
        raise ValueError(f"write the address {text} in its shortest form: {ipaddress.ip_address(text)}")
    return text


def _interface(text: str) -> str:
    _, slash, length = text.partition("/")
    if not (slash and length.isdigit()):
        raise ValueError(f"{text} has no prefix length: write it as 192.0.2.5/26")
    if str(ipaddress.ip_interface(text)) != text:
        raise ValueError(f"write {text} in its shortest form: {ipaddress.ip_interface(text)}")
    return text


def _network(text: str) -> str:
    if str(ipaddress.ip_network(text)) != text:
        raise ValueError(f"{text} is not the plain form of a network")
    return text


def _origin(text: str) -> str:
    return text if text == "world" else _network(text)


def _ports(text: str) -> str:
    low, _, high = text.partition("-")
    if not (low.isdigit() and (not high or high.isdigit())):
        raise ValueError(f"{text!r} is no port and no range such as 60001-60999")
    if not 0 < int(low) <= int(high or low) < 65536:
        raise ValueError(f"{text!r}: ports go from 1 to 65535, the lower one first")
    return text


def _public_key(text: str) -> str:
    if not re.fullmatch(f"({_KEY_TYPES}) [A-Za-z0-9+/=]+( .*)?", text):
        raise ValueError("not an OpenSSH public key: write it as 'ssh-ed25519 AAAA... comment'")
    return text


def _wireguard_key(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", text):
        raise ValueError("not a WireGuard public key: 44 characters of base64")
    return text


def _schema(**more: Any) -> Any:
    """What an editor is told about a text beside its type."""
    return Field(json_schema_extra=more)


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=63)]
IPv4 = Annotated[str, AfterValidator(_ipv4), _schema(format="ipv4")]
IPv6 = Annotated[str, AfterValidator(_ipv6), _schema(format="ipv6")]
IP = Annotated[str, AfterValidator(_ip), _schema(anyOf=[{"format": "ipv4"}, {"format": "ipv6"}])]
InterfaceAddress = Annotated[str, AfterValidator(_interface), _schema(pattern=r"^[0-9a-f.:]+/[0-9]{1,3}$")]
Network = Annotated[str, AfterValidator(_network), _schema(pattern=r"^[0-9a-f.:]+/[0-9]{1,3}$")]
Origin = Annotated[str, AfterValidator(_origin), _schema(pattern=r"^(world|[0-9a-f.:]+/[0-9]{1,3})$")]
Ports = Annotated[str, AfterValidator(_ports), _schema(pattern=r"^[0-9]{1,5}(-[0-9]{1,5})?$")]
PublicKey = Annotated[str, AfterValidator(_public_key), _schema(pattern=rf"^({_KEY_TYPES}) [A-Za-z0-9+/=]+( .*)?$")]
WireGuardKey = Annotated[str, AfterValidator(_wireguard_key), _schema(pattern=r"^[A-Za-z0-9+/]{43}=$")]
Text = Annotated[str, StringConstraints(min_length=1)]
