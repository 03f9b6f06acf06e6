"""What can go wrong between us and a server, as one sentence: which system, where, what was asked, the way out."""

from __future__ import annotations

import json
import ssl
from typing import Any, Final

import httpx

_BROKEN: Final = ("rpc error: eof", "session shutdown", "stream closed", "connection reset", "broken pipe")
_LOGIN: Final = "get a new one with `fleet login`"


class ApiError(Exception):
    """A request that was not answered as asked. `text` is the server's own reason, `str()` the whole sentence.

    `status` is None when there was no HTTP answer at all.
    """

    def __init__(self, status: int | None, text: str, sentence: str | None = None, *, torn: bool = False) -> None:
        super().__init__(sentence or text)
        self.status = status
        self.text = text
        self.torn = torn
        """A connection broke behind the server that was asked: what was sent may have been done, or may not."""

    @property
    def sealed(self) -> bool:
        """A Vault that waits for its shares, or was never initialised."""
        return self.status == 503 and ("sealed" in self.text or "not initialized" in self.text)

    @property
    def leaderless(self) -> bool:
        """No server leads at the moment: asking again later may help."""
        return self.status in (500, 503) and (
            "No cluster leader" in self.text or "no active" in self.text.lower() or "node not active" in self.text
        )

    @property
    def undelivered(self) -> bool:
        """The server that was asked reached none that leads, so nothing was read or changed: asking again is safe."""
        return self.leaderless or (
            self.status in (500, 503)
            # A follower that knows its leader's address, where nobody listens while that one is started again; and one
            # that was chosen just now, and has yet to read what was decided before.
            and any(
                text in self.text
                for text in ("failed to get conn", "lead thread didn't get connection", "Not ready to serve consistent")
            )
        )

    @property
    def unavailable(self) -> bool:
        """The system as a whole does not answer now. A refusal of what was asked is something else."""
        return self.status is None or self.status in (502, 503, 504) or self.sealed or self.undelivered or self.torn


def refused(system: str, address: str, asked: str, status: int, body: str) -> ApiError:
    """The error for an answer that is no success."""
    text = reason(body) or f"status {status}"
    where = f"{system} at {address}"
    lower = text.lower()
    torn = _torn(system, status, lower)
    if system == "vault" and status == 503 and "sealed" in lower:
        way = "it is sealed; people who hold shares run `fleet unseal`"
    elif system == "vault" and status in (501, 503) and "not initialized" in lower:
        way = "it was never initialised; run `fleet bootstrap`"
    elif "no cluster leader" in lower or "node not active" in lower or "no active vault" in lower:
        way = "no server leads at the moment; see which are down with `fleet status`, then try again"
    elif (
        status in (401, 403)
        and "does not exist" not in lower
        and any(
            word in lower
            for word in ("acl token not found", "acl not found", "bad token", "invalid token", "token expired")
        )
    ):
        way = f"the token is not known there or has run out; {_LOGIN}"
    elif status in (401, 403) and ("missing client token" in lower or "no token" in lower):
        way = f"no token was given; {_LOGIN}"
    elif status in (401, 403) and "does not exist" not in lower:
        way = f"the token may not do this, or has run out; if your rights should cover it, {_LOGIN}"
    elif system == "vault" and status == 307:
        text = "a standby has no contact to the server that leads"
        way = "see which are down with `fleet status`, then try again"
    elif status in (502, 504) or (status == 503 and "<html" in body.lower()):
        text = f"status {status}"
        way = "the way in answers and no server behind it does; see which are down with `fleet status`"
    else:
        return ApiError(status, text, f"{where} refused {asked}: {text}", torn=torn)
    return ApiError(status, text, f"{where} refused {asked}: {text}: {way}", torn=torn)


def _torn(system: str, status: int, lower: str) -> bool:
    """Whether a server that restarts took an answer with it: the way in says so, or whoever passed the question on.

    A standby of Vault that cannot pass a question on answers with its leader's address, which is the fabric's.
    """
    return (
        (status == 502 and "broke off" in lower)
        or (status == 500 and any(text in lower for text in _BROKEN))
        or (system == "vault" and status == 307)
    )


def unanswered(system: str, address: str, dialled: str | None, asked: str, error: Exception) -> ApiError:
    """The error for a request that got no answer."""
    where = f"{system} at {address}" + (f" (dialled at {dialled})" if dialled else "")
    text = _first_line(error)
    if certificate := _certificate_fault(error):
        sentence = (
            f"{where} shows a certificate that is not trusted here ({certificate}), so {asked} was not sent: in the "
            "rehearsal start from `. ./activate` (it sets SSL_CERT_FILE); elsewhere look at the certificate on the "
            "control hosts before anything else"
        )
        return ApiError(None, certificate, sentence)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        way = "see whether the name resolves and the control hosts are up (`fleet status`)"
        return ApiError(None, text, f"cannot connect to {where} for {asked}: {text}; {way}")
    if isinstance(error, httpx.TimeoutException):
        way = "it may have lost its leader; see `fleet status`"
        return ApiError(None, text or "timed out", f"{where} did not answer {asked} in time; {way}")
    return ApiError(None, text, f"{where} broke off while answering {asked}: {text}; try again")


def reason(body: str) -> str:
    """The reason inside an error's body: Vault wraps it in JSON, the others write plain text."""
    text = body.strip()
    if text.startswith("{"):
        try:
            told: Any = json.loads(text)
        except ValueError:
            told = {}
        errors = told.get("errors") if isinstance(told, dict) else None
        if isinstance(errors, list):
            return "; ".join(" ".join(str(one).split()) for one in errors)
    return " ".join(text.split())[:2000]


def _first_line(error: BaseException) -> str:
    text = str(error).strip().split("\n", 1)[0]
    return text or type(error).__name__


def _certificate_fault(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return str(error.verify_message or error.reason)
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return (
                str(error)
                .rpartition("CERTIFICATE_VERIFY_FAILED]")[2]
                .strip()
                .removeprefix("certificate verify failed: ")
            )
        error = error.__cause__ or error.__context__
    return ""
