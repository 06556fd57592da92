"""The story of a breach: complete, in order, and in plain words."""

from ringcheck.history import Note
from ringcheck.judging import explain, judge
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.verdict import Breach
from ringcheck.schedule import ExpectAnswer
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


def test_story_tells_that_a_context_was_malformed() -> None:
    """Else nobody understands why the Put was to be refused."""
    tale = Handmade(steps=(ExpectAnswer(requirement="KV-11", operation=1, code="INVALID_ARGUMENT"),))
    tale.put("a", malformed=True)
    history = tale.history()
    story = explain(history, judge(history).findings["KV-11"].breaches[0])
    assert "Put #1 of 'a' on 'k' through n1, W=2, with a malformed context was acknowledged" in story


def story_of(tale: Handmade, name: str) -> str:
    """The story of the first breach of a requirement."""
    history = tale.history()
    return explain(history, judge(history).findings[name].breaches[0])


def crowded(tale: Handmade) -> None:
    """A hundred operations that have nothing to do with it."""
    for number in range(50):
        tale.put(f"other{number}", key="elsewhere")
        tale.get(f"other{number}", key="elsewhere")


def test_story_tells_the_delete_that_erased_a_value() -> None:
    """It had not seen the Put that it took away."""
    tale = Handmade()
    first = tale.put("a")
    tale.put("b")
    crowded(tale)
    tale.delete(first)
    tale.settle({"k": []})
    story = story_of(tale, "DUR-01")
    assert "Put #2 of 'b' on 'k'" in story
    assert "Delete #103 on 'k' through n1, W=2, with the context of #1 was acknowledged" in story
    assert "elsewhere" not in story


def test_story_tells_the_put_whose_value_took_the_place() -> None:
    """Every node returned it, and nobody could see where it came from."""
    tale = Handmade()
    tale.put("a")
    crowded(tale)
    tale.put("b")
    tale.settle({"k": ["b"]})
    story = story_of(tale, "SIB-01")
    assert "Put #1 of 'a' on 'k'" in story
    assert "Put #102 of 'b' on 'k' through n1 (blind), W=2 was acknowledged" in story
    assert "elsewhere" not in story


def test_story_of_a_get_tells_what_was_written_before() -> None:
    """The Put that is missing, and the one that is there."""
    tale = Handmade(steps=(ExpectAnswer(requirement="KV-03", operation=103, values=("a", "b")),))
    tale.put("a")
    crowded(tale)
    tale.put("b")
    tale.get("b")
    story = story_of(tale, "KV-03")
    assert "Put #1 of 'a' on 'k'" in story
    assert "Put #102 of 'b' on 'k'" in story
    assert "elsewhere" not in story


def test_story_stays_short_however_much_was_written() -> None:
    """A dozen operations at the most."""
    tale = Handmade()
    values = [f"v{number}" for number in range(40)]
    for value in values:
        tale.put(value)
    tale.settle({"k": values[1:]})
    assert story_of(tale, "SIB-01").count("Put #") <= 16


def test_story_ends_with_what_the_nodes_wrote_last() -> None:
    """Logs are read when all is over, after the breach; what the harness noted is nobody's last word."""
    tale = Handmade()
    tale.put("a")
    tale.events.append(Note(time=tale.tick(), text="The disk of n1 was copied.", node="n1"))
    tale.settle({"k": []})
    tale.events.append(
        Note(time=tale.tick(), text="\n".join(map(str, range(20))) + "\nout of memory", node="n2", log=True)
    )
    before, _, after = story_of(tale, "DUR-01").partition("last words of the nodes")
    assert "noted meanwhile" in before
    assert "The disk of n1 was copied." in before
    assert "n2: out of memory" in after
    assert len(after.strip().splitlines()) == 3


def test_story_tells_what_a_node_wrote_before_it_died_too() -> None:
    """What it wrote after its restart does not hide it."""
    tale = Handmade()
    tale.put("a")
    tale.kill("n2", by_us=False)
    for text in ("panic", "serving again"):
        tale.events.append(Note(time=tale.tick(), text=text, node="n2", log=True))
        if text == "panic":
            tale.settle({"k": []})
    story = story_of(tale, "DUR-01")
    assert -1 < story.find("n2: panic") < story.find("n2: serving again")
