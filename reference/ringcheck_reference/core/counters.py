"""What Status counts since start: that is how a harness sees that something happened, or that nothing did."""

from dataclasses import dataclass, field

from .views import Status, Tally


@dataclass(slots=True)
class Counter:
    """A tally that grows."""

    count: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Once more, with `size` bytes of key, values and causal metadata."""
        self.count += 1
        self.bytes += size

    def tally(self) -> Tally:
        """The counts now."""
        return Tally(self.count, self.bytes)


@dataclass(slots=True)
class Counters:
    """One counter for each field of StatusResponse that only grows."""

    reads: Counter = field(default_factory=Counter)
    writes: Counter = field(default_factory=Counter)
    forwarded_requests: Counter = field(default_factory=Counter)
    fallback_reads: Counter = field(default_factory=Counter)
    hints_stored: Counter = field(default_factory=Counter)
    hints_delivered: Counter = field(default_factory=Counter)
    read_repairs: Counter = field(default_factory=Counter)
    anti_entropy_repairs: Counter = field(default_factory=Counter)
    transfers: Counter = field(default_factory=Counter)

    def status(self, hints_pending: Tally) -> Status:
        """The counts now, beside the hints held now."""
        return Status(
            reads=self.reads.tally(),
            writes=self.writes.tally(),
            forwarded_requests=self.forwarded_requests.tally(),
            fallback_reads=self.fallback_reads.tally(),
            hints_stored=self.hints_stored.tally(),
            hints_delivered=self.hints_delivered.tally(),
            hints_pending=hints_pending,
            read_repairs=self.read_repairs.tally(),
            anti_entropy_repairs=self.anti_entropy_repairs.tally(),
            transfers=self.transfers.tally(),
        )
