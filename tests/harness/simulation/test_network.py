"""The simulated network: order, cuts, what breaks and what waits, and faults of single messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringcheck.simulation.chance import Chance
from ringcheck.simulation.clock import Scheduler
from ringcheck.simulation.core import Caller
from ringcheck.simulation.network import Network
from ringcheck_chaos.faults import CLIENT, Cut, Isolate, LinkFault, MessageFault, Split


@dataclass
class Someone:
    """An end that notes what it hears, and answers each request with the same message."""

    name: str
    incarnation: str = "first"
    heard: list[object] = field(default_factory=list)
    answers: list[object] = field(default_factory=list)
    connections: list[tuple[str, str]] = field(default_factory=list)
    unsent: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    silent: bool = False
    network: Network | None = None

    def asked(self, caller: Caller, request: int, message: object) -> None:
        """Note it and answer."""
        self.heard.append(message)
        if request and not self.silent and self.network:
            self.network.answer(self, caller, request, message)

    def answered(self, peer: str, request: int, message: object) -> None:
        """Note it."""
        self.answers.append(message)

    def connected(self, peer: str, incarnation: str) -> None:
        """Note it."""
        self.connections.append((peer, incarnation))

    def failed(self, peer: str, requests: Sequence[int], *, sent: bool) -> None:
        """Note it."""
        (self.lost if sent else self.unsent).extend(requests)


class Place:
    """Three nodes and the clients' end."""

    def __init__(self, seed: int = 0) -> None:
        self.scheduler = Scheduler()
        self.ends = {name: Someone(name) for name in (CLIENT, "n1", "n2", "n3")}
        self.network = Network(self.scheduler, Chance(seed), self.ends)
        for end in self.ends.values():
            end.network = self.network
        self.n1, self.n2, self.n3 = (self.ends[name] for name in ("n1", "n2", "n3"))
        self._numbers = 0

    def send(self, *messages: object, source: str = "n1", target: str = "n2", kind: str = "write") -> None:
        """Requests, numbered from 1."""
        for message in messages:
            self._numbers += 1
            self.network.send(self.ends[source], target, self._numbers, message, kind)

    def pass_time(self, seconds: float = 1.0) -> None:
        """Let everything arrive that can."""
        self.scheduler.run_for(seconds)


def test_nobody_connects_to_who_stands_still() -> None:
    """Requests wait for the stream, for a while; one that is open carries on, and its end sees to what arrives."""
    place = Place()
    place.send("on an open stream")
    place.pass_time()
    place.network.stand_still("n2")
    place.send("still arrives")
    place.send("gives up", source="n3")
    place.pass_time(1.5)
    assert place.n2.heard == ["on an open stream", "still arrives"]
    assert place.n3.unsent == [3]
    place.send("waits", source="n3")
    place.pass_time(0.5)
    place.network.go_on("n2")
    place.pass_time()
    assert place.n2.heard[2:] == place.n3.answers == ["waits"]


def test_who_stands_still_and_dies_refuses_those_who_wait() -> None:
    """Nobody waits for a node that is gone."""
    place = Place()
    place.network.stand_still("n2")
    place.send("waits")
    place.pass_time(0.1)
    place.n2.incarnation = ""
    place.network.end_gone("n2")
    place.pass_time(0.1)
    assert place.n1.unsent == [1]


@given(st.integers(0, 1000), st.integers(1, 20))
def test_messages_arrive_once_and_in_order(seed: int, count: int) -> None:
    """And so do the answers; the sender hears of the other side before anything else."""
    place = Place(seed)
    place.send(*range(count))
    place.pass_time()
    assert place.n2.heard == place.n1.answers == list(range(count))
    assert place.n1.connections == [("n2", "first")]
    assert not place.n1.unsent
    assert not place.n1.lost


def test_a_link_that_is_down_refuses_and_breaks() -> None:
    """What is under way is lost, what comes later was never sent; afterwards it works again."""
    place = Place()
    place.send("early")
    place.network.set_faults([LinkFault("down", "n1", "n2")])
    place.send("late")
    place.pass_time()
    assert (place.n1.lost, place.n1.unsent, place.n2.heard) == ([1], [2], [])
    place.network.set_faults([])
    place.send("again")
    place.pass_time()
    assert place.n1.answers == ["again"]


def test_a_stall_holds_and_lets_go() -> None:
    """In order, and before what is sent afterwards."""
    place = Place()
    place.send("open")
    place.pass_time()
    place.network.set_faults([LinkFault("stall", "n1", "n2")])
    place.send(1, 2, 3)
    place.pass_time()
    assert place.n2.heard == ["open"]
    place.network.set_faults([])
    place.send(4)
    place.pass_time()
    assert place.n2.heard == place.n1.answers == ["open", 1, 2, 3, 4]


def test_a_latency_delays_in_order_and_lets_go_when_it_ends() -> None:
    """Also the Hello of a stream that opens meanwhile: nothing of a healed latency is left."""
    place = Place()
    place.network.set_faults([LinkFault("latency", "n1", "n2", latency_ms=900)])
    place.send(1, 2)
    place.pass_time(0.95)
    assert place.n2.heard == [1, 2]
    assert place.n1.connections == []
    place.send(3)
    place.network.set_faults([])
    place.send(4)
    place.pass_time(0.02)
    assert place.n1.connections == [("n2", "first")]
    assert place.n2.heard == place.n1.answers == [1, 2, 3, 4]
    place.pass_time(5.0)
    assert place.n2.heard == [1, 2, 3, 4]


def test_what_a_latency_delays_is_lost_when_the_stream_breaks() -> None:
    """It comes neither then nor later."""
    place = Place()
    place.network.set_faults([LinkFault("latency", "n1", "n2", latency_ms=900)])
    place.send(1, 2)
    place.network.set_faults([LinkFault("down", "n1", "n2")])
    place.network.set_faults([])
    place.send(3)
    place.pass_time(5.0)
    assert place.n1.lost == [1, 2]
    assert place.n2.heard == [3]


def test_a_latency_one_way_slows_the_opening_of_a_stream() -> None:
    """And its end lets go of everything behind that."""
    place = Place()
    place.network.set_faults([LinkFault("latency", "n1", "n2", one_way=True, latency_ms=500)])
    place.send(1)
    place.pass_time(0.2)
    assert place.n2.heard == []
    place.network.set_faults([])
    place.pass_time(0.02)
    assert place.n1.answers == [1]
    assert place.n1.connections == [("n2", "first")]


def test_a_drop_loses_and_breaks_when_it_is_healed() -> None:
    """Nobody hears of the loss before."""
    place = Place()
    place.send("open")
    place.pass_time()
    place.network.set_faults([Isolate("drop", "n2")])
    place.send("gone")
    place.pass_time()
    assert (place.n1.lost, place.n2.heard) == ([], ["open"])
    place.network.set_faults([])
    place.pass_time()
    assert place.n1.lost == [2]
    place.send("again")
    place.pass_time()
    assert place.n2.heard == ["open", "again"]


def test_one_way_cuts_take_requests_or_answers() -> None:
    """From n2 to n1 flow the answers to n1's requests, and n2's own requests."""
    place = Place()
    place.send("open")
    place.send("open", source="n2", target="n1")
    place.pass_time()
    place.network.set_faults([LinkFault("stall", "n2", "n1", one_way=True)])
    place.send("asked")
    place.send("held", source="n2", target="n1")
    place.pass_time()
    assert (place.n2.heard, place.n1.answers) == (["open", "asked"], ["open"])
    assert place.n1.heard == ["open"]


@pytest.mark.parametrize("how", ["drop", "stall"])
def test_who_connects_through_a_cut_waits(how: Cut) -> None:
    """Nothing refuses and nothing answers: after a second it was never sent; where the cut ends before, it goes on."""
    place = Place()
    cut = Split(how, ("n1",), ("n2", "n3"))
    place.network.set_faults([cut])
    place.send("given up")
    place.pass_time(0.9)
    assert place.n1.unsent == []
    place.pass_time(0.2)
    assert (place.n1.unsent, place.n2.heard) == ([1], [])
    place.send("goes on")
    place.pass_time(0.5)
    place.network.set_faults([])
    place.pass_time()
    assert place.n1.answers == ["goes on"]
    assert place.n1.unsent == [1]


def test_a_refusal_ends_the_wait_for_a_connection() -> None:
    """A link that is down says so at once."""
    place = Place()
    place.network.set_faults([Isolate("drop", "n2")])
    place.send("refused")
    place.network.set_faults([Isolate("down", "n2")])
    place.pass_time(0.01)
    assert place.n1.unsent == [1]


def test_the_news_of_a_death_does_not_come_through_a_cut() -> None:
    """Until it ends, what is sent is lost and nobody says so."""
    place = Place()
    place.send("open")
    place.pass_time()
    place.network.set_faults([Isolate("stall", "n2")])
    place.n2.incarnation = ""
    place.network.end_gone("n2")
    place.send("into the void")
    place.pass_time()
    assert place.n1.lost == []
    place.network.set_faults([])
    place.pass_time()
    assert place.n1.lost == [2]


def test_a_short_latency_does_not_mix_the_order() -> None:
    """What was sent before it began still comes first."""
    for seed in range(50):
        place = Place(seed)
        place.send("open")
        place.pass_time()
        place.send(1)
        place.network.set_faults([LinkFault("latency", "n1", "n2", latency_ms=900)])
        place.network.set_faults([])
        place.send(2)
        place.pass_time()
        assert place.n2.heard == ["open", 1, 2]


def test_a_dead_node_loses_what_it_was_asked_and_answers_no_more() -> None:
    """Its peers hear of it, and meet the next run with a new stream."""
    place = Place()
    place.n2.silent = True
    place.send("unanswered")
    place.pass_time()
    place.n2.incarnation = ""
    place.network.end_gone("n2")
    place.send("refused")
    place.pass_time()
    assert (place.n1.lost, place.n1.unsent) == ([1], [2])
    place.n2.incarnation, place.n2.silent = "second", False
    place.send("again")
    place.pass_time()
    assert place.n1.connections == [("n2", "first"), ("n2", "second")]
    assert place.n1.answers == ["again"]


def test_what_a_node_had_sent_before_it_died_arrives() -> None:
    """Its requests and its answers, which nobody hears to have failed."""
    place = Place()
    place.send("open")
    place.pass_time()
    place.send("last words", source="n2", target="n1")
    place.send("question")
    place.pass_time(0.0031)
    place.network.send(place.n2, "n3", 99, "to n3", "write")
    place.n2.incarnation = ""
    place.network.end_gone("n2")
    place.n2.incarnation = "second"
    place.pass_time()
    assert "last words" in place.n1.heard
    assert place.n3.heard == ["to n3"]
    assert place.n1.answers == ["open", "question"]
    assert place.n1.lost == []
    assert place.n2.answers == []


def test_an_answer_goes_back_on_the_stream_that_it_was_asked_on_or_nowhere() -> None:
    """The next stream has its own questions."""
    place = Place()
    place.n2.silent = True
    place.send("asked")
    place.pass_time()
    caller = Caller("n1", "first", 1)
    place.network.set_faults([LinkFault("down", "n1", "n2")])
    place.network.set_faults([])
    place.network.answer(place.n2, caller, 1, "late")
    place.pass_time()
    assert place.n1.answers == []


@pytest.mark.parametrize(("action", "arrived"), [("lose", [0, 1, 3, 4]), ("repeat", [0, 1, 2, 3, 4, 2])])
def test_every_third_message_of_a_kind_suffers(action: str, arrived: list[int]) -> None:
    """Others do not, be they of another kind, from somebody else, or answers."""
    place = Place()
    fault = MessageFault(
        action=action,  # type: ignore[arg-type]
        kind="write",
        every=3,
        delay_ms=0 if action == "lose" else 500,
        source="n1",
    )
    place.network.set_message_faults([fault])
    place.send("read", kind="read")
    place.send(*range(5))
    place.send("other", source="n3")
    place.pass_time(3.0)
    assert [each for each in place.n2.heard if isinstance(each, int)] == arrived
    assert {"read", "other"} <= set(place.n2.heard)


def test_a_late_message_is_overtaken() -> None:
    """That is how messages change their order."""
    place = Place()
    place.network.set_message_faults([MessageFault(action="delay", kind="write", every=2, delay_ms=100)])
    place.send(*range(4))
    place.pass_time()
    assert place.n2.heard == [0, 2, 1, 3]


def test_answers_to_a_kind_are_lost() -> None:
    """The kind is the request's."""
    place = Place()
    place.network.set_message_faults([MessageFault(action="lose", kind="write", answers=True, every=3)])
    place.send(*range(6))
    place.pass_time()
    assert place.n2.heard == list(range(6))
    assert place.n1.answers == [0, 1, 3, 4]


def test_clients_messages_are_spared() -> None:
    """Faults of messages are about what nodes say to each other."""
    place = Place()
    place.network.set_message_faults([MessageFault(action="lose")])
    place.send("asked", source=CLIENT, target="n1", kind="client")
    place.pass_time()
    assert place.n1.heard == place.ends[CLIENT].answers == ["asked"]
