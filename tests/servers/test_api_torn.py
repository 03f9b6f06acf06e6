"""What a client makes of a connection that broke behind the server that it asked: a read may be repeated, no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from servers import Api, ApiError
from tests.servers.test_api import Server, serve

__all__ = ["serve"]


@pytest.mark.parametrize(
    ("status", "said"), [(502, "Nomad broke off; whether it did what was asked is not known"), (500, "rpc error: EOF")]
)
def test_a_read_that_broke_off_behind_the_server_is_repeated_and_a_write_is_not(
    serve: Callable[..., Server], status: int, said: str
) -> None:
    times: list[int] = []

    def answers(_: Any) -> tuple[int, Any]:
        times.append(1)
        return (status, said) if len(times) < 3 else (200, {})

    server = serve(answers)
    assert Api("nomad", f"http://127.0.0.1:{server.port}").get("/v1/jobs") == {}
    assert len(times) == 3
    times.clear()
    with pytest.raises(ApiError) as refused:
        Api("nomad", f"http://127.0.0.1:{server.port}", patience=5).put("/v1/jobs", {})
    assert (len(times), refused.value.unavailable, refused.value.undelivered) == (1, True, False)


def test_a_standby_that_cannot_pass_on_says_so(serve: Callable[..., Server]) -> None:
    server = serve(lambda _: (307, ""))
    with pytest.raises(
        ApiError, match="a standby has no contact to the server that leads: see which are down"
    ) as refused:
        Api("vault", f"http://127.0.0.1:{server.port}").put("/v1/x", {})
    assert refused.value.unavailable
    assert len(server.seen) == 1
