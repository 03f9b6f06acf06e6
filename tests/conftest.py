"""What holds for every test: no deadlines on examples, and what may run beside what."""

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped, unused-ignore]

# Machines are shared, and a slow one is no defect.
settings.register_profile("fleet", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("fleet")


class SideBySide(LoadScopeScheduling):  # type: ignore[misc]
    """What asks the one rehearsal of this machine runs in one process, everything else in another."""

    def _split_scope(self, nodeid: str) -> str:
        return "the rehearsal" if nodeid.startswith("tests/rehearsal/") else "beside it"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SideBySide | None:
    """For `--dist loadscope`; unit tests are spread one by one."""
    return SideBySide(config, log) if config.getoption("dist") == "loadscope" else None
