"""What every test relies on."""

import signal

from hypothesis import HealthCheck, settings

# A busy machine may take its time; by default Hypothesis fails an example that takes 200 ms, or is slow to draw.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure() -> None:
    """Let Ctrl-C be heard: a shell script starts its background jobs, and so all their offspring, with it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
