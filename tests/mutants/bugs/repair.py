"""Bugs about stale replicas: 28."""

from ringcheck_reference.core.reading import Reading

from .bug import bug, replace


@bug("28", "stale replicas stay stale", "RR-01")
def no_read_repair() -> None:
    """A Get that met a stale replica leaves it alone."""

    def repair(_reading: Reading) -> None:
        """Do nothing."""

    replace(Reading, "_repair", repair)
