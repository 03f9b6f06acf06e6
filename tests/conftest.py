"""What holds for every test: no deadlines on examples, for machines are shared and a slow one is no defect."""

from hypothesis import HealthCheck, settings

settings.register_profile("fleet", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("fleet")
