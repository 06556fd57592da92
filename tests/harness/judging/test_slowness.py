"""AVL-04 goes by when operations were asked, not by the order in which they are told."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.history import Invoke, Ok
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.run import Run
from ringcheck.judging.slowness import judge_slowness
from ringcheck.judging.statements import gather
from ringcheck_chaos.faults import LinkFault


@given(st.randoms(use_true_random=True))
def test_order_of_telling_does_not_matter(random: Random) -> None:
    """One slow replica, Puts before, under and after it: told in whichever order, the judge says the same of them."""
    tale = Handmade()
    tale.look("start", changes={"n1": {"preference_lists": {"k": tale.nodes}}})
    for number in range(12):
        tale.put(f"v{number}", takes=random.choice([0.01, 0.3]))
        if number == 4:
            tale.fault(1, LinkFault(how="latency", source="n1", target="n3", latency_ms=100))
        elif number == 8:
            tale.heal(1)
    in_order = gather(judge_slowness(Run.of(tale.history())))
    ends = {event.operation: event for event in tale.events if isinstance(event, Ok)}
    asked = [event for event in tale.events if isinstance(event, Invoke)]
    tale.events = [event for event in tale.events if not isinstance(event, Invoke | Ok)]
    for event in random.sample(asked, len(asked)):
        tale.events += [event, ends[event.operation]]
    run = Run.of(tale.history())
    assert not run.in_order or asked == [each.asked for each in run.operations.values()]
    assert gather(judge_slowness(run)) == in_order
    assert in_order["AVL-04"].held or in_order["AVL-04"].breaches
