"""The story of a breach: complete, in order, and in plain words."""

from ringcheck.history import Note
from ringcheck.judging import explain, judge
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.verdict import Breach
from ringcheck_chaos.faults import Isolate


def lost() -> tuple[Handmade, Breach, str]:
    """An acknowledged Put that a later write had not seen is gone; the breach and its story."""
    tale = Handmade()
    tale.put("old news")
    tale.tick(60.0)
    tale.fault(1, Isolate(how="drop", node="n3"))
    read = tale.get("old news")
    tale.put("v17", context=read, node="n2")
    tale.events.append(Note(time=tale.tick(), text="disk on fire", node="n2"))
    tale.kill("n2")
    tale.heal(1)
    tale.settle({"k": []})
    history = tale.history()
    breach = next(each for each in judge(history).findings["DUR-01"].breaches if each.operations[1] == 3)
    return tale, breach, explain(history, breach)


def test_story_tells_the_promise_and_the_operations_in_order() -> None:
    """The sentence of the requirement, what was expected and seen, then who asked what and what came of it."""
    _, _, story = lost()
    parts = (
        "DUR-01 (MUST) No acknowledged write is lost",
        "expected  Put #3 of 'v17' was acknowledged at",
        "actual    In the converged state of",
        "every node returned nothing",
        "Get #2 on 'k' through n1, R=2 returned 'old news' at",
        "Put #3 of 'v17' on 'k' through n2, W=2, with the context of #2 was acknowledged at",
        "through n1, R=3 returned nothing at",
    )
    places = [story.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_story_tells_what_was_wrong_around_it() -> None:
    """Faults and kills near the operations, and the last words of the nodes concerned."""
    _, _, story = lost()
    assert "n3 isolated (links dropping everything), until" in story
    assert "n2 killed, until" in story
    assert "n2: disk on fire" in story


def test_story_tells_which_disk_was_destroyed() -> None:
    """A disk is destroyed in a moment: the story gives it no end."""
    tale = Handmade()
    tale.put("a")
    tale.lose("n2")
    tale.settle({"k": []})
    history = tale.history()
    lines = explain(history, judge(history).findings["DUR-03"].breaches[0]).splitlines()
    assert any(line.endswith("the disk of n2 wiped") for line in lines)


def test_story_of_many_faults_stays_short() -> None:
    """Only the last dozen faults are told one by one."""
    tale = Handmade()
    tale.put("a")
    for number in range(30):
        tale.fault(number, Isolate(how="drop", node="n3"))
        tale.heal(number)
    tale.settle({"k": []})
    history = tale.history()
    story = explain(history, judge(history).findings["DUR-01"].breaches[0])
    assert "(18 earlier ones left out)" in story
    assert len(story.splitlines()) < 30
