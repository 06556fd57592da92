"""Schedules for a simulated world: one a seed, and the smallest that still fails, found by Hypothesis.

This is where `ringcheck explore` gets its schedules from. In a simulated world the same schedule always ends alike,
so Hypothesis may do all that it can: shrink, remember what failed, and try that first the next time.
"""

from collections.abc import Callable
from pathlib import Path
from unittest import SkipTest

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import run_state_machine_as_test

from ringcheck.schedule import Schedule, Size
from ringcheck_properties import hardships, moves
from ringcheck_properties.configurations import configurations
from ringcheck_properties.draft import Draft
from ringcheck_properties.machine import CarryOut, ScheduleMachine, as_rule
from ringcheck_properties.moves import Move
from ringcheck_properties.picking import coins, one_of, up_to
from ringcheck_properties.scripted import scripts
from ringcheck_properties.swarm import hard_swarms

NAME = "explored"
KEY_POOLS = (("a",), ("a", "b"), ("a", "b", "c"), ("a", "a", "a", "a", "b", "c", "d", "e"))
"""Few keys, since what goes wrong goes wrong with one; in the last pool one is asked for more often than others."""
VALUE_SIZES: tuple[tuple[Size, ...], ...] = ((0,), (0,), (0, 64, 2_000), (0, "limit"))
"""What is as long as a client may write is longer once there is a clock beside it, or a sibling."""
BUDGET_S = 60.0
"""What a schedule may take before its last settle, in virtual seconds by estimate."""
ONE_IN_SO_MANY_IS_DROPPED = 40
"""Of the steps drawn; shrinking drops them one by one."""
MOVES = 14
OPENED_UNLESS_ONE_IN = 3
"""So many schedules begin with an episode, for one that does not."""
SCRIPTED_EVERY = 4
"""One seed in so many is a scripted example: what it takes a script to bring about, chance does not."""

Fails = Callable[[Schedule], bool]
"""Carries a schedule out; whether it still fails in the way that matters."""

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
def hard_drafts(draw: st.DrawFn) -> Draft:
    """Drafts on clusters of all kinds, empty or opened by a whole episode; the seed of the world is drawn too."""
    # The seed first: Hypothesis hardly ever begins twice with the same draw, and there are but so many sizes.
    number, configuration = draw(up_to(2**31 - 1)), draw(configurations())
    draft = Draft(
        configuration,
        swarm=draw(hard_swarms(configuration.nodes)),
        keys=draw(one_of(KEY_POOLS)),
        twins=draw(coins),
        sizes=draw(one_of(VALUE_SIZES)),
        name=NAME,
        seed=number,
        budget=BUDGET_S,
    )
    offered = tuple(move for move in hardships.OPENINGS if move.offered(draft))
    if offered and bool(draw(up_to(OPENED_UNLESS_ONE_IN))):
        tell(draw(one_of(offered)), draw, draft)
    return draft


def tell(move: Move, draw: moves.Draw, draft: Draft) -> None:
    """Make one move, and go without some of its steps."""
    first = draft.length
    move.tell(draw, draft)
    kept = up_to(ONE_IN_SO_MANY_IS_DROPPED)
    draft.dropped.update(place for place in range(first, draft.length) if not draw(kept))


class ExploringMachine(ScheduleMachine):
    """Draws one schedule for a simulated world. Each step may be dropped, which is how Hypothesis shrinks it."""

    def make(self, move: Move, draw: moves.Draw) -> None:
        """See `tell`."""
        tell(move, draw, self.draft)

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
    rewrite = as_rule(hardships.REWRITE)


class StillFailsError(Exception):
    """A schedule fails in the way that is being shrunk; tells Hypothesis so."""


def draw(number: int) -> Schedule:
    """The schedule of a seed: the same for the same number and the same version of everything."""
    drawn: list[Schedule] = []
    _run(number, drawn.append, SIMULATED)
    return drawn[-1]


def shrink(number: int, fails: Fails, database: Path | None = None) -> Schedule:
    """The smallest schedule that Hypothesis finds to fail, from that of a seed; it is kept in `database`.

    Returns the seed's own schedule when that does not fail.
    """
    smallest = draw(number)
    phases = (Phase.generate, Phase.shrink)
    return _search(number, fails, settings(SIMULATED, phases=phases, database=_open(database))) or smallest


def replay_saved(fails: Fails, database: Path) -> Schedule | None:
    """The first schedule of an earlier `shrink` with this database that still fails; None if none does."""
    chosen = settings(SIMULATED, phases=(Phase.reuse,), database=_open(database))
    return _search(0, fails, chosen) or _search(SCRIPTED_EVERY - 1, fails, chosen)


def _search(number: int, fails: Fails, chosen: settings) -> Schedule | None:
    failing: list[Schedule] = []

    def carry_out(schedule: Schedule) -> None:
        if fails(schedule):
            failing.append(schedule)
            raise StillFailsError

    try:
        _run(number, carry_out, chosen)
    except StillFailsError:
        return failing[-1]
    except SkipTest:
        pass  # Hypothesis was to reuse what it had kept, and had kept nothing.
    return None


def _run(number: int, carry_out: CarryOut, chosen: settings) -> None:
    if number % SCRIPTED_EVERY == SCRIPTED_EVERY - 1:
        _run_script(number, carry_out, chosen)
    else:
        _run_machine(number, carry_out, chosen)


def _run_script(number: int, carry_out: CarryOut, chosen: settings) -> None:
    @chosen  # after the seed, which takes the database away
    @seed(number)
    @given(scripts())
    def carry_out_script(schedule: Schedule) -> None:
        carry_out(schedule)

    carry_out_script()


def _run_machine(number: int, carry_out: CarryOut, chosen: settings) -> None:
    def machine() -> ExploringMachine:
        return ExploringMachine(hard_drafts(), carry_out)

    # Hypothesis takes any callable that makes a machine, though it is annotated to take a class.
    run_state_machine_as_test(seed(number)(machine), settings=chosen)  # type: ignore[arg-type]


def _open(path: Path | None) -> DirectoryBasedExampleDatabase | None:
    return None if path is None else DirectoryBasedExampleDatabase(path)
