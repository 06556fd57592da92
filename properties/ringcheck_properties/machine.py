"""Random schedules as a Hypothesis state machine, and how one is carried out on a live target.

Rules only append to the schedule; teardown carries out the whole. So no draw depends on an answer, and Hypothesis
sees the same choices lead to the same end even on a target that is not deterministic.
"""

import sys
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from ringcheck.schedule import Configuration, Schedule
from ringcheck_properties import moves
from ringcheck_properties.draft import Draft
from ringcheck_properties.moves import Move
from ringcheck_properties.picking import Draw
from ringcheck_properties.strategies import LONGEST, drafts

CarryOut = Callable[[Schedule], object]
"""Carries a schedule out, judges it and raises when the target broke its word."""

ONE_AND_THE_SIMPLEST = 2
"""Hypothesis begins with the simplest schedule there is, which is not worth a cluster; the second one is random."""

LIVE = settings(
    max_examples=ONE_AND_THE_SIMPLEST,
    stateful_step_count=LONGEST + 1,
    phases=(Phase.generate,),
    database=None,
    deadline=None,
    derandomize=False,
    print_blob=False,
    verbosity=Verbosity.quiet,
    suppress_health_check=list(HealthCheck),
)
"""No shrinking, since a live target seldom fails twice alike; the history tells the story instead."""


class Once:
    """Carries each schedule out once, and gives the same answer when asked again.

    Hypothesis repeats a failing example to be sure of it, and would call a target that fails now and then flaky.
    """

    def __init__(self, carry_out: CarryOut) -> None:
        self._carry_out = carry_out
        self._ended: dict[Schedule, BaseException | None] = {}

    def __call__(self, schedule: Schedule) -> None:
        """Carry out or remember; raises what carrying out raised."""
        if schedule not in self._ended:
            self._ended[schedule] = self._end(schedule)
        if ended := self._ended[schedule]:
            raise ended

    def _end(self, schedule: Schedule) -> BaseException | None:
        try:
            self._carry_out(schedule)
        except BaseException as error:  # pytest's own outcomes are no Exceptions
            return error
        return None


@st.composite
def _made(draw: st.DrawFn, move: Move) -> None:
    """Makes a move while its arguments are drawn: draws within a strategy cost a fraction of those in a rule's body."""
    draw(st.runner()).make(move, draw)


def as_rule(move: Move) -> Callable[["ScheduleMachine", None], None]:
    """A rule that makes this move where it is offered."""

    def tell(machine: "ScheduleMachine", made: None) -> None:
        """The move was made when `made` was drawn."""

    tell.__name__ = move.tell.__name__
    offered: Callable[[ScheduleMachine], bool] = lambda machine: move.offered(machine.draft)  # noqa: E731
    return precondition(offered)(rule(made=_made(move))(tell))


class ScheduleMachine(RuleBasedStateMachine):
    """Draws one schedule, a move a rule, out of an empty draft; in the end `carry_out` gets it."""

    def __init__(self, empty: st.SearchStrategy[Draft], carry_out: CarryOut) -> None:
        super().__init__()
        self.empty = empty
        self._carry_out = carry_out
        self._draft: Draft | None = None

    @property
    def draft(self) -> Draft:
        """The schedule so far."""
        assert self._draft is not None, "initialize rules run before all others"
        return self._draft

    @initialize(draft=st.runner().flatmap(lambda machine: machine.empty))
    def begin(self, draft: Draft) -> None:
        """Draw what the schedule may use."""
        self._draft = draft

    def make(self, move: Move, draw: Draw) -> None:
        """Make one move."""
        move.tell(draw, self.draft)

    talk = as_rule(moves.TALK)
    cut = as_rule(moves.CUT)
    linger = as_rule(moves.LINGER)
    mend = as_rule(moves.MEND)
    crash = as_rule(moves.CRASH)
    revive = as_rule(moves.REVIVE)
    clique = as_rule(moves.CLIQUE)
    episode = as_rule(moves.EPISODE)
    settle = as_rule(moves.SETTLE)

    def teardown(self) -> None:
        """Carry the whole out, unless Hypothesis gave it up in mid-drawing (it does when a draw is rejected)."""
        if sys.exception() is None and self._draft is not None:
            self._carry_out(self.draft.finish())


def carry_out_one(configuration: Configuration, carry_out: CarryOut, *, name: str, run_seed: int, part: int) -> None:
    """Draw one random schedule, the same for the same arguments, and carry it out.

    `part` tells the random schedules of one run apart. Raises what `carry_out` raises.
    """
    salt = f"{run_seed}/{part}"
    once = Once(carry_out)
    begun = 0

    def machine() -> ScheduleMachine:
        nonlocal begun
        begun += 1
        chosen = once if begun >= ONE_AND_THE_SIMPLEST else lambda _: None
        return ScheduleMachine(drafts(configuration, name=name, seed=run_seed, salt=salt), chosen)

    # Hypothesis takes any callable that makes a machine, though it is annotated to take a class.
    factory = seed(run_seed * 1_000_003 + part)(machine)
    run_state_machine_as_test(factory, settings=LIVE)  # type: ignore[arg-type]
