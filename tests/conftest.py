"""What every test relies on."""

import signal


def pytest_configure() -> None:
    """Let Ctrl-C be heard: a shell script starts its background jobs, and so all their offspring, with it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
