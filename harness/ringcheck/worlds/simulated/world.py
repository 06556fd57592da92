"""The simulated world: cores of one kit in one process and in virtual time. One schedule is one history, always."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from ringcheck.codec import Codec
from ringcheck.errors import TargetError
from ringcheck.history import (
    Event,
    Header,
    History,
)
from ringcheck.schedule import (
    Schedule,
)
from ringcheck.simulation.cluster import SimulatedCluster, declared
from ringcheck.simulation.core import Kit
from ringcheck.simulation.loading import load_kit, settled_name
from ringcheck.simulation.node import CoreFailedError
from ringcheck.version import __version__
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.simulated.execution import Execution

SIMULATED = "simulated"
"""What carries the links, in the header of a simulated history."""


class Effort(msgspec.Struct, frozen=True):
    """What a schedule took: simulated seconds, messages, random numbers."""

    seconds: float
    messages: int
    draws: int


class SimulatedWorld:
    """Carries schedules out on clusters of simulated cores, each time on a new one.

    kit       the name of a core (see `ringcheck.simulation.core`), or a kit itself, under `name`
    on_event  is called with each event of a history

    Raises UsageError for a name that leads nowhere.
    """

    def __init__(self, kit: str | Kit, *, name: str = "", on_event: Callable[[Event], None] | None = None) -> None:
        self.effort = Effort(0.0, 0, 0)
        """Of the last schedule."""
        self._kit = load_kit(kit) if isinstance(kit, str) else kit
        self._name = settled_name(kit) if isinstance(kit, str) else name
        self._on_event = on_event

    @property
    def profiles(self) -> tuple[str, ...]:
        """What nodes of the kit declare; nothing where they cannot say, which the first schedule will tell."""
        try:
            return declared(self._kit)
        except (CoreFailedError, TargetError):
            return ()

    def carry_out(self, schedule: Schedule, path: Path | None = None) -> History:
        """Carry a schedule out; without a `path` its history is only returned.

        A core that fails in mid-run ends the history with Broke. Raises RingcheckError when it fails before the first
        step.
        """
        try:
            cluster = SimulatedCluster(self._kit, schedule.configuration, schedule.seed, schedule.joiners())
            codec = Codec(schedule, next(iter(cluster.descriptions.values())))
        except CoreFailedError as error:
            raise TargetError(str(error)) from error
        except ValueError as error:
            raise TargetError(f"The core's limits are too small for the schedule {schedule.name}: {error}") from None
        header = Header(
            ringcheck=__version__,
            started=SIMULATED,
            core=self._name,
            nodes=dict(cluster.descriptions),
            network=SIMULATED,
            versions={"ringcheck": __version__},
            seed=schedule.seed,
            schedule=schedule,
        )
        with Chronicle(path, header, self._on_event, lambda: cluster.scheduler.now) as chronicle:
            history = Execution(cluster, schedule, chronicle, codec).run()
        self.effort = Effort(cluster.scheduler.now, cluster.network.messages, cluster.chance.draws)
        return history

    def close(self) -> None:
        """There is nothing to close."""
