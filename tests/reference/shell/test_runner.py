"""The runner: effects in their order, time, calls, and what happens when the core or a peer errs."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import pytest

from dynamo_node.v1 import peer_pb2
from ringcheck_reference.core.effects import (
    Effect,
    Failure,
    GetResult,
    Peers,
    Persist,
    PutReplica,
    Reply,
    Send,
)
from ringcheck_reference.core.messages import (
    Caller,
    CallId,
    ClientGet,
    Code,
    Found,
    Lost,
    Message,
    PeerAnswer,
    PeerRequest,
    Persisted,
    PersistFailed,
    Ping,
    Pong,
    Read,
    Sender,
    Stored,
    Unsent,
)
from ringcheck_reference.core.node import Node
from ringcheck_reference.core.versions import State
from ringcheck_reference.core.views import RingView
from ringcheck_reference.shell.runner import Runner
from ringcheck_reference.shell.store import Done, Store, Writing

CALLER = Caller("n2", "i", 1)


class Core:
    """Answers what a test tells it to, and keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[tuple[Sender, Message]] = []
        self.react: Callable[[Sender, Message], list[Effect]] = lambda _sender, _message: []
        self.deadline: float | None = None
        self.is_removed = False
        self.ticks: list[float] = []
        self.ticked = asyncio.Event()

    def receive(self, _now: float, sender: Sender, message: Message) -> list[Effect]:
        """See Node."""
        self.taken.append((sender, message))
        return self.react(sender, message)

    def tick(self, now: float) -> list[Effect]:
        """See Node."""
        self.ticks.append(now)
        self.ticked.set()
        self.deadline = None
        return []

    def next_deadline(self) -> float | None:
        """See Node."""
        return self.deadline

    def ring(self) -> RingView:
        """See Node."""
        return RingView((), b"view", ())


class World:
    """Everything around the core: a disk, streams, and a log of what reached them in which order."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.waiting: list[Done] = []
        self.refuses = False
        self.on_send: Callable[[], object] = lambda: None
        self.core = Core()
        self.runner = Runner(cast("Node", self.core), "n1", cast("Store", self))
        self.runner.connect(self, self)

    def persist_all(self, group: Sequence[Writing]) -> None:
        """See Store."""
        self.log += [writes for writes, _ in group]
        self.waiting += [done for _, done in group]

    def persist_at_once(self, group: Sequence[Writing]) -> None:
        """See Store."""
        for writes, done in group:
            self.log += ["at once", writes]
            done(None)

    def send(self, peer: str, request: peer_pb2.ExchangeRequest) -> None:
        """See Outgoing. Refuses at once when told to, as a link without a stream does."""
        self.log.append((peer, request))
        self.on_send()
        if self.refuses:
            self.runner.unsent(peer, (request.request_id,))

    def keep(self, peers: tuple[str, ...]) -> None:
        """See Outgoing."""
        self.log.append(peers)

    def heard_from(self, peer: str) -> None:
        """See Outgoing."""
        self.log.append(peer)

    def answer(self, caller: Caller, response: peer_pb2.ExchangeResponse) -> None:
        """See Incoming."""
        self.log.append((caller, response))


def run(test: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """Run an asynchronous test in a world of its own."""

    async def main() -> None:
        await asyncio.wait_for(test(World()), 5)

    asyncio.run(main())


def test_effects_happen_in_their_order() -> None:
    """Peers and callers see effects in the order of the list; the disk sees all of one turn of the loop together."""

    async def test(world: World) -> None:
        writes, more = (PutReplica(b"k", b"s"),), (PutReplica(b"l", b"s"),)
        world.core.react = lambda _sender, _message: [
            Peers(("n2", "n3")),
            Send("n2", PeerRequest(5, Ping(), b"ours")),
            Persist(1, writes),
            Send(CALLER, PeerAnswer(9, Pong("i"), b"ours")),
        ]
        envelope = peer_pb2.ExchangeRequest(request_id=9, ping=peer_pb2.Ping(), view_digest=b"theirs")
        world.runner.asked(CALLER, envelope)
        world.core.react = lambda _sender, _message: [Persist(2, more)]
        world.runner.lost("n2", (1,))
        await asyncio.sleep(0)
        assert world.core.taken == [(CALLER, PeerRequest(9, Ping(), b"theirs")), ("n2", Lost((1,)))]
        pong = peer_pb2.Pong(incarnation="i")
        assert world.log == [
            ("n2", "n3"),
            ("n2", peer_pb2.ExchangeRequest(request_id=5, ping=peer_pb2.Ping(), view_digest=b"ours")),
            (CALLER, peer_pb2.ExchangeResponse(request_id=9, pong=pong, view_digest=b"ours")),
            writes,
            more,
        ]

    run(test)


def test_what_came_in_one_message_is_persisted_at_its_end() -> None:
    """The disk gets all of it together and at once; there is nothing left for the end of the turn."""

    async def test(world: World) -> None:
        world.core.react = lambda sender, _message: [Persist(1, (PutReplica(b"k", str(sender).encode()),))]
        for _ in range(2):
            world.runner.asked(CALLER, peer_pb2.ExchangeRequest(request_id=9, ping=peer_pb2.Ping()))
        assert world.log == []
        world.runner.took_in(alone=False)
        writes = (PutReplica(b"k", str(CALLER).encode()),)
        assert world.log == [writes, writes]
        await asyncio.sleep(0)
        assert world.log == [writes, writes]
        world.runner.lost("n2", (1,))
        await asyncio.sleep(0)
        assert world.log[2:] == [(PutReplica(b"k", b"n2"),)]

    run(test)


def test_what_came_alone_is_persisted_at_once() -> None:
    """The core hears of it and its answer is on its way before the loop goes on; nothing is left for the turn's end."""

    async def test(world: World) -> None:
        def react(_sender: Sender, message: Message) -> list[Effect]:
            if isinstance(message, Persisted):
                return [Send(CALLER, PeerAnswer(9, Stored(True), b"ours"))]
            return [Persist(1, (PutReplica(b"k", b"s"),))]

        world.core.react = react
        world.runner.asked(CALLER, peer_pb2.ExchangeRequest(request_id=9, ping=peer_pb2.Ping()))
        world.runner.took_in(alone=True)
        stored = peer_pb2.ExchangeResponse(request_id=9, stored=peer_pb2.Stored(changed=True), view_digest=b"ours")
        told = ["at once", (PutReplica(b"k", b"s"),), (CALLER, stored)]
        assert world.log == told
        await asyncio.sleep(0)
        assert world.log == told

    run(test)


def test_peers_are_sent_to_before_the_own_disk_is_asked() -> None:
    """Whoever was told to write by the core is woken first, although the core wanted the disk first."""

    async def test(world: World) -> None:
        written: list[Any] = []
        loop = asyncio.get_running_loop()
        world.core.react = lambda _sender, _message: [
            Persist(1, (PutReplica(b"k", b"s"),)),
            Send("n2", PeerRequest(5, Ping(), b"ours")),
        ]
        world.on_send = lambda: loop.call_soon(lambda: written.append(list(world.log)))
        world.runner.lost("n2", (1,))
        await asyncio.sleep(0)
        assert [len(log) for log in written] == [1]
        assert world.log[1:] == [(PutReplica(b"k", b"s"),)]

    run(test)


def test_what_is_to_be_persisted_outlives_a_stop() -> None:
    """The disk gets what the core asked for last, once, although the loop had no turn any more."""

    async def test(world: World) -> None:
        world.core.react = lambda _sender, _message: [Persist(1, (PutReplica(b"k", b"s"),))]
        world.runner.lost("n2", (1,))
        world.runner.stop()
        assert world.log == [(PutReplica(b"k", b"s"),)]
        await asyncio.sleep(0)
        assert len(world.log) == 1

    run(test)


def test_news_waits_until_all_effects_are_under_way() -> None:
    """A request that cannot be sent is reported after the rest of its list, never in the middle."""

    async def test(world: World) -> None:
        world.refuses = True

        def react(_sender: Sender, message: Message) -> list[Effect]:
            if isinstance(message, Unsent):
                return [Persist(2, ())]
            return [Send("n2", PeerRequest(5, Ping())), Persist(1, (PutReplica(b"k", b"s"),))]

        world.core.react = react
        world.runner.peer_up("n2", peer_pb2.Hello(node_id="n2"))
        await asyncio.sleep(0)
        assert world.log[1:] == [(PutReplica(b"k", b"s"),), ()]
        assert world.core.taken[-1] == ("n2", Unsent((5,)))

    run(test)


@pytest.mark.parametrize(("reason", "news"), [(None, Persisted(1)), ("disk full", PersistFailed(1, "disk full"))])
def test_the_core_hears_how_a_persist_ended(reason: str | None, news: Message) -> None:
    """The disk's verdict comes back with the token, success and failure alike."""

    async def test(world: World) -> None:
        world.core.react = lambda _sender, _message: [Persist(1, ())]
        world.runner.lost("n2", (3,))
        world.core.react = lambda _sender, _message: []
        await asyncio.sleep(0)
        world.waiting[0](reason)
        assert world.core.taken == [("n2", Lost((3,))), ("n1", news)]

    run(test)


def test_a_call_ends_with_the_cores_reply() -> None:
    """Each call gets its own reply, also when replies come in another order."""

    async def test(world: World) -> None:
        calls = [asyncio.create_task(world.runner.call(ClientGet(key))) for key in (b"a", b"b")]
        await asyncio.sleep(0)
        ids = {
            message.key: CallId(cast("int", sender))
            for sender, message in world.core.taken
            if isinstance(message, ClientGet)
        }
        world.core.react = lambda _sender, _message: [
            Reply(ids[b"b"], GetResult((b"B",), b"")),
            Reply(ids[b"a"], GetResult((b"A",), b"")),
            Reply(ids[b"a"], GetResult((b"again",), b"")),
        ]
        world.runner.lost("n2", (1,))
        assert await asyncio.gather(*calls) == [GetResult((b"A",), b""), GetResult((b"B",), b"")]

    run(test)


def test_a_call_fails_when_the_core_does() -> None:
    """The core's mistake comes out of the call that met it, and the runner goes on."""

    async def test(world: World) -> None:
        def react(_sender: Sender, _message: Message) -> list[Effect]:
            raise ZeroDivisionError

        world.core.react = react
        with pytest.raises(ZeroDivisionError):
            await world.runner.call(ClientGet(b"k"))
        world.runner.lost("n2", (1,))
        world.core.react = lambda sender, _message: (
            [Reply(CallId(sender), GetResult((), b""))] if isinstance(sender, int) else []
        )
        assert await world.runner.call(ClientGet(b"k")) == GetResult((), b"")

    run(test)


def test_time_passes_for_the_core() -> None:
    """One tick comes at the start and one when the deadline is reached, not earlier; none without a deadline."""

    async def test(world: World) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 0.02
        world.runner.start()
        assert len(world.core.ticks) == 1
        world.core.ticked.clear()
        world.core.deadline = deadline
        world.runner.lost("n2", (1,))
        await world.core.ticked.wait()
        assert len(world.core.ticks) == 2
        assert world.core.ticks[1] >= deadline - 0.001

    run(test)


def test_it_is_known_when_a_node_hears_of_its_own_removal() -> None:
    """Whoever waits for it is woken, once the effects of the message that brought it are under way."""

    async def test(world: World) -> None:
        world.runner.lost("n2", (1,))
        assert not world.runner.removed.is_set()
        world.core.is_removed = True
        world.runner.lost("n2", (2,))
        await world.runner.removed.wait()

    run(test)


def test_an_answer_that_makes_no_sense_is_as_good_as_none() -> None:
    """It counts as lost, so that it is never taken for a success."""

    async def test(world: World) -> None:
        world.runner.answered("n2", peer_pb2.ExchangeResponse(request_id=4))
        found = peer_pb2.ExchangeResponse(request_id=5, found=peer_pb2.Found())
        world.runner.answered("n2", found)
        assert world.core.taken == [("n2", Lost((4,))), ("n2", PeerAnswer(5, Found(State.EMPTY)))]

    run(test)


def test_a_question_that_makes_no_sense_is_refused() -> None:
    """The core never sees it; the peer hears why, and whether the kind or the content was wrong."""

    async def test(world: World) -> None:
        world.runner.asked(CALLER, peer_pb2.ExchangeRequest(request_id=4))
        world.runner.asked(CALLER, peer_pb2.ExchangeRequest(request_id=5, read=peer_pb2.Read()))
        world.runner.asked(CALLER, peer_pb2.ExchangeRequest(request_id=6, read=peer_pb2.Read(key=b"k")))
        assert world.core.taken == [(CALLER, PeerRequest(6, Read(b"k")))]
        assert [(answer.request_id, answer.refusal.code) for _, answer in world.log] == [(4, 12), (5, 3)]
        assert {answer.view_digest for _, answer in world.log} == {b"view"}

    run(test)


def test_a_stopping_node_finishes_calls_and_takes_no_more() -> None:
    """Calls that are under way get their replies; later ones are sent to another node."""

    async def test(world: World) -> None:
        call = asyncio.create_task(world.runner.call(ClientGet(b"k")))
        await asyncio.sleep(0)
        finishing = asyncio.create_task(world.runner.finish_calls(5))
        await asyncio.sleep(0)
        late = await world.runner.call(ClientGet(b"k"))
        assert isinstance(late, Failure)
        assert late.code == Code.UNAVAILABLE
        assert not finishing.done()
        ((sender, _),) = world.core.taken
        assert isinstance(sender, int)
        world.core.react = lambda _sender, _message: [Reply(CallId(sender), GetResult((), b""))]
        world.runner.lost("n2", (1,))
        assert await call == GetResult((), b"")
        await finishing

    run(test)


def test_an_effect_that_cannot_be_carried_out_does_not_take_the_others_along() -> None:
    """What follows in the list is done, and what could not be sent counts as lost."""

    async def test(world: World) -> None:
        unsendable = Read(cast("bytes", object()))
        writes = (PutReplica(b"k", b"s"),)
        world.core.react = lambda _sender, message: (
            []
            if isinstance(message, Lost) and message.ids == (5,)
            else [Send("n2", PeerRequest(5, unsendable)), Persist(1, writes)]
        )
        world.runner.lost("n2", (1,))
        await asyncio.sleep(0)
        assert world.log == [writes]
        assert world.core.taken == [("n2", Lost((1,))), ("n2", Lost((5,)))]

    run(test)
