"""Schedules for a simulated world: one a seed, and the smallest that still fails, found by Hypothesis.

This is where `ringcheck explore` gets its schedules from. In a simulated world the same schedule always ends alike,
so Hypothesis may do all that it can: shrink, remember what failed, and try that first the next time.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import run_state_machine_as_test

from ringcheck.schedule import Schedule, Size
from ringcheck_properties import burials, hardships, upheavals
from ringcheck_properties.configurations import configurations
from ringcheck_properties.draft import Draft
from ringcheck_properties.machine import CarryOut, ScheduleMachine, as_rule
from ringcheck_properties.moves import Move
from ringcheck_properties.picking import coins, pick, up_to
from ringcheck_properties.scripted import scripts
from ringcheck_properties.shrinking import Fails, reduce, replay_reduced
from ringcheck_properties.swarm import hard_swarms

NAME = "explored"
KEY_POOLS = (("a",), ("a", "b"), ("a", "b", "c"), ("a", "a", "a", "a", "b", "c", "d", "e"))
"""Few keys, since what goes wrong goes wrong with one; in the last pool one is asked for more often than others."""
VALUE_SIZES: tuple[tuple[Size, ...], ...] = ((0,), (0,), (0, 64, 2_000), (0, "limit"))
"""What is as long as a client may write is longer once there is a clock beside it, or a sibling."""
BUDGET_S = 60.0
"""What a schedule may take before its last settle, in virtual seconds by estimate."""
CHANGING_BUDGET_S = 30.0
"""The same where nodes join and leave, which is several times as much work a second."""
MOVES = 14
OPENED_UNLESS_ONE_IN = 3
"""So many schedules begin with an episode, for one that does not."""
CALM_EVERY = 8
"""One seed in so many does nothing else, where the target is up to that."""
LONE_EVERY = 3
"""Of the others so many are an episode or two, on a small cluster, where the target is up to that."""
SCRIPTED_EVERY = 4
"""One seed in so many is a scripted example: what it takes a script to bring about, chance does not."""

SIMULATED = settings(
    max_examples=2,  # Hypothesis begins with the simplest of all
    stateful_step_count=MOVES,
    phases=(Phase.generate,),
    database=None,
    deadline=None,
    derandomize=False,
    print_blob=False,
    report_multiple_bugs=False,
    verbosity=Verbosity.quiet,
    suppress_health_check=list(HealthCheck),
)


@st.composite
def hard_drafts(draw: st.DrawFn, *, changing: bool = False) -> Draft:
    """Drafts on clusters of all kinds, empty or opened by a whole episode; the seed of the world is drawn too.

    With `changing` nodes join and leave in half of them: these cost most of the time all the same.
    """
    # The seed first: Hypothesis hardly ever begins twice with the same draw, and there are but so many sizes.
    number, changes = draw(up_to(2**31 - 1)), changing and draw(coins)
    configuration = draw(configurations(changing=changes))
    draft = Draft(
        configuration,
        swarm=draw(hard_swarms(configuration.nodes)),
        keys=pick(draw, KEY_POOLS),
        twins=draw(coins),
        sizes=pick(draw, VALUE_SIZES),
        name=NAME,
        seed=number,
        budget=CHANGING_BUDGET_S if changes else BUDGET_S,
        changing=changes,
    )
    openings: tuple[Move, ...] = upheavals.OPENINGS if draft.changing else hardships.OPENINGS
    if draft.outliving_s and pick(draw, (True, True, False)):
        openings = burials.OPENINGS
    offered = tuple(move for move in openings if move.offered(draft))
    if offered and bool(draw(up_to(OPENED_UNLESS_ONE_IN))):
        pick(draw, offered).tell(draw, draft)
    return draft


class ExploringMachine(ScheduleMachine):
    """Draws one schedule for a simulated world."""

    lose = as_rule(hardships.LOSE)
    back_up = as_rule(hardships.BACK_UP)
    fail_disk = as_rule(hardships.FAIL_DISK)
    disturb_messages = as_rule(hardships.DISTURB_MESSAGES)
    skew = as_rule(hardships.SKEW)
    die_half_way = as_rule(hardships.DIE_HALF_WAY)
    rest = as_rule(hardships.REST)
    observe = as_rule(hardships.OBSERVE)
    settle_again = as_rule(hardships.SETTLE_AGAIN)
    strand = as_rule(hardships.STRAND)
    fall_back = as_rule(hardships.FALL_BACK)
    echo = as_rule(hardships.ECHO)
    overtaken = as_rule(hardships.OVERTAKEN)
    rewrite = as_rule(hardships.REWRITE)
    outlive = as_rule(burials.OUTLIVE)
    entomb = as_rule(burials.ENTOMB)
    bury = as_rule(burials.BURY)


class ChangingMachine(ExploringMachine):
    """The same for a target whose members may change."""

    join = as_rule(upheavals.JOIN)
    leave = as_rule(upheavals.LEAVE)
    retire = as_rule(upheavals.RETIRE)
    remove = as_rule(upheavals.REMOVE)
    shaken = as_rule(upheavals.SHAKEN)
    apart = as_rule(upheavals.APART)
    late_views = as_rule(upheavals.LATE_VIEWS)
    orphan = as_rule(upheavals.ORPHAN)
    unheard = as_rule(upheavals.UNHEARD)
    behind = as_rule(upheavals.BEHIND)
    back_and_forth = as_rule(upheavals.BACK_AND_FORTH)


@dataclass(frozen=True)
class Source:
    """Schedules by their seeds. `changing`: for targets that declare `membership`."""

    changing: bool = False

    def draw(self, number: int) -> Schedule:
        """The schedule of a seed: the same for the same number and the same version of everything."""
        drawn: list[Schedule] = []
        self._run(number, drawn.append, SIMULATED)
        return drawn[-1]

    def shrink(self, number: int, fails: Fails, database: Path | None = None) -> Schedule:
        """The smallest schedule that Hypothesis finds to fail, from that of a seed; it is kept in `database`.

        Returns the seed's own schedule when that does not fail.
        """
        return reduce(self.draw(number), fails, None if database is None else DirectoryBasedExampleDatabase(database))

    def replay_saved(self, fails: Fails, database: Path) -> Schedule | None:
        """The first schedule of an earlier `shrink` with this database that still fails; None if none does."""
        return replay_reduced(fails, DirectoryBasedExampleDatabase(database))

    def for_profiles(self, profiles: Collection[str]) -> "Source":
        """The source for a target that declares these profiles."""
        return Source(changing="membership" in profiles)

    def _run(self, number: int, carry_out: CarryOut, chosen: settings) -> None:
        if number % SCRIPTED_EVERY == SCRIPTED_EVERY - 1:
            _run_strategy(scripts(number // SCRIPTED_EVERY, changing=self.changing), number, carry_out, chosen)
        elif self.changing and number % CALM_EVERY == 1:
            _run_strategy(upheavals.calm_changes(), number, carry_out, chosen)
        elif self.changing and number % LONE_EVERY == 1:
            _run_strategy(upheavals.lone_upheavals(), number, carry_out, chosen)
        else:
            self._run_machine(number, carry_out, chosen)

    def _run_machine(self, number: int, carry_out: CarryOut, chosen: settings) -> None:
        kind = ChangingMachine if self.changing else ExploringMachine

        def machine() -> ExploringMachine:
            return kind(hard_drafts(changing=self.changing), carry_out)

        # Hypothesis takes any callable that makes a machine, though it is annotated to take a class.
        run_state_machine_as_test(seed(number)(machine), settings=chosen)  # type: ignore[arg-type]


_plain = Source()
draw, shrink, replay_saved, for_profiles = _plain.draw, _plain.shrink, _plain.replay_saved, _plain.for_profiles
membership = Source(changing=True)


def _run_strategy(schedules: st.SearchStrategy[Schedule], number: int, carry_out: CarryOut, chosen: settings) -> None:
    def carry_out_one(schedule: Schedule) -> None:
        carry_out(schedule)

    chosen(seed(number)(given(schedules)(carry_out_one)))()
