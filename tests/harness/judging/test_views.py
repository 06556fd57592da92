"""Who is a member for certain, and what judges hold against nobody while views change."""

from math import inf
from typing import Any

from msgspec import structs

from ringcheck.history import NodeSeen, NodeUp, Observation
from ringcheck.judging import judge
from ringcheck.judging.handmade import Handmade, replica
from ringcheck.judging.run import Run
from ringcheck.judging.verdict import Finding
from ringcheck.schedule import Configuration
from ringcheck_chaos.faults import Isolate, LinkFault, Split

EVERYTHING = ("describe", "inspect", "kv", "membership", "ring")
SILENT = Finding(requirement="")


def cluster(nodes: int = 4) -> Handmade:
    """So many nodes, N=3, whose members may change."""
    return Handmade(configuration=Configuration(nodes=nodes), profiles=EVERYTHING)


def finding(tale: Handmade, name: str) -> Finding:
    """What is said of one requirement."""
    return judge(tale.history()).findings.get(name, SILENT)


class TestViews:
    def test_nobody_is_certain_of_a_change_before_a_convergence(self) -> None:
        """Who joins may be a member at once, who leaves is none for certain at once; a convergence settles both."""
        tale = cluster()
        before = tale.now
        tale.join("n5")
        tale.leave("n2")
        between = tale.now
        tale.settle({})
        views = Run.of(tale.history()).views
        assert views.certain(before, before) == {"n1", "n2", "n3", "n4"}
        assert views.possible(before, before) == {"n1", "n2", "n3", "n4"}
        assert views.certain(between, between) == {"n1", "n3", "n4"}
        assert views.possible(between, between) == {"n1", "n2", "n3", "n4", "n5"}
        assert views.certain(tale.now, tale.now) == views.possible(tale.now, tale.now) == {"n1", "n3", "n4", "n5"}
        assert [change.node for change in views.unsettled(before, between)] == ["n5", "n2"]
        assert not views.unsettled(tale.now, inf)

    def test_a_convergence_tells_what_became_of_a_change_in_doubt(self) -> None:
        """An answer other than OK leaves both open, until the views are seen."""
        tale = cluster()
        tale.leave("n2", code="UNAVAILABLE")
        between = tale.now
        tale.settle({})
        views = Run.of(tale.history()).views
        assert views.certain(between, between) == {"n1", "n3", "n4"}
        assert views.possible(between, between) == {"n1", "n2", "n3", "n4"}
        assert views.certain(tale.now, tale.now) == {"n1", "n2", "n3", "n4"}

    def test_a_refused_change_is_none(self) -> None:
        """A definite error changes no view."""
        tale = cluster()
        tale.leave("n2", code="FAILED_PRECONDITION")
        views = Run.of(tale.history()).views
        assert views.certain(0, tale.now) == {"n1", "n2", "n3", "n4"}
        assert not views.unsettled(0, inf)

    def test_who_may_never_have_joined_hears_of_changes_once_a_member_lists_it(self) -> None:
        """A joining in doubt makes nobody agree who knows nobody; nor does the word of the joiner itself."""
        tale = cluster()
        tale.join("n5", code="UNAVAILABLE")
        tale.restart("n5")
        views, everybody = Run.of(tale.history()).views, ("n1", "n2", "n3", "n4")
        alone = {name: NodeSeen(members=everybody) for name in everybody} | {"n5": NodeSeen(members=("n5",))}
        listed = {**alone, "n2": NodeSeen(members=(*everybody, "n5"))}
        draining = {**alone, "n3": NodeSeen(members=everybody, draining=("n5",))}
        told = [
            views.told(Observation(time=tale.now, began=tale.now, why="observe", nodes=nodes))
            for nodes in (alone, listed, draining)
        ]
        assert told == [set(everybody), {*everybody, "n5"}, {*everybody, "n5"}]

    def test_a_removed_node_counts_as_a_lost_disk(self) -> None:
        """What was written before may have lost a copy from the moment in which the removal was asked for."""
        tale = cluster()
        tale.kill("n2")
        tale.remove("n2")
        assert Run.of(tale.history()).disks.destroyed(0, tale.now) == ("n2",)

    def test_who_was_retired_is_missed_by_nobody(self) -> None:
        """After the next convergence the cluster is undisturbed, though one node never comes back."""
        tale = cluster(5)
        tale.leave("n5")
        tale.retire("n5")
        tale.settle({})
        tale.put("a")
        tale.get("a")
        tale.look()
        run = Run.of(tale.history())
        assert run.timeline.calm(run.settlements[0].ended, tale.now)
        assert run.timeline.present(tale.now, tale.now) == ("n1", "n2", "n3", "n4")
        assert finding(tale, "KV-13").held == 1

    def test_who_is_yet_to_join_is_not_missed(self) -> None:
        """All nodes that run go down: that some node is started later does not matter."""
        tale = cluster(3)
        tale.put("a")
        tale.kill("n1", "n2", "n3")
        tale.restart("n1", "n2", "n3")
        tale.join("n4")
        tale.settle({"k": ["a"]})
        assert finding(tale, "DUR-02").held == 1


class TestCaution:
    def test_no_answer_is_owed_under_a_partition_while_views_change(self) -> None:
        """What the one side knows, the other may not, so that nobody can say who is to take whose place."""
        tale = cluster(5)
        tale.join("n6")
        tale.fault(1, Split(how="drop", left=("n1", "n2", "n3"), right=("n4", "n5", "n6")))
        tale.tick(2.0)
        tale.put("a", end="UNAVAILABLE")
        tale.heal(1)
        assert not finding(tale, "AVL-01").breaches
        assert not finding(tale, "MEM-03").breaches

    def test_members_alone_make_a_quorum(self) -> None:
        """Who has left is in nobody's way: two members together with it are two."""
        tale = cluster(5)
        tale.leave("n5")
        tale.settle({})
        tale.fault(1, Split(how="drop", left=("n1", "n2", "n5"), right=("n3", "n4")))
        tale.tick(2.0)
        tale.put("a", end="UNAVAILABLE", w=3)
        tale.put("b", end="UNAVAILABLE", w=2)
        tale.heal(1)
        (breach,) = finding(tale, "AVL-01").breaches
        assert breach.operations == (2,)

    def test_an_operation_through_a_leaver_may_fail(self) -> None:
        """MEM-03 speaks of members."""
        tale = cluster()
        tale.leave("n4")
        tale.put("a", node="n4", end="UNAVAILABLE")
        assert not finding(tale, "MEM-03").breaches

    def test_nothing_is_owed_beside_another_fault(self) -> None:
        """MEM-03 is about changes alone, since the last convergence."""
        tale = cluster()
        tale.fault(1, LinkFault(how="latency", source="n1", target="n2", latency_ms=20))
        tale.heal(1)
        tale.join("n5")
        tale.put("a", end="UNAVAILABLE")
        assert not finding(tale, "MEM-03").breaches

    def test_a_change_may_be_lost_with_the_disks_that_held_it(self) -> None:
        """W nodes hold it, and as many lose their disks."""
        tale = cluster()
        before = tale.members
        tale.join("n5")
        tale.lose("n1", "n2")
        tale.members = before
        tale.settle({})
        said = finding(tale, "MEM-01")
        assert not said.breaches
        assert "lost their disks" in said.unclear[0]

    def test_who_lost_its_disk_may_show_a_removed_node(self) -> None:
        """It starts with the members that its configuration names, until it hears what became of them."""
        tale = cluster()
        tale.kill("n4")
        tale.remove("n4")
        tale.look()
        tale.lose("n2")
        tale.look(changes={"n2": {"members": ("n1", "n2", "n3", "n4")}})
        tale.look()
        tale.look()
        said = finding(tale, "MEM-04")
        assert not said.breaches
        assert said.held

    def test_a_removed_node_need_not_know(self) -> None:
        """What a node that was removed and runs on takes for the members is its own affair."""
        tale = cluster()
        old = {"members": tale.members, "view_digest": "old"}
        tale.remove("n4")
        tale.settle({}, changes={"n4": old})
        judgement = judge(tale.history())
        assert not [name for name, each in judgement.findings.items() if each.breaches]

    def test_a_hint_may_go_when_its_target_owns_nothing_any_more(self) -> None:
        """Its holder is killed, its target is down; but a change has moved what the hint was kept for."""
        tale = cluster()
        tale.kill("n3")
        tale.put("a")
        tale.hints.add(("n4", "n3", "k"))
        tale.look(condition="hint")
        tale.join("n5")
        tale.kill("n4")
        tale.restart("n4")
        tale.hints.clear()
        tale.look(condition="hint", met=False)
        assert not finding(tale, "HND-02").breaches

    def test_on_too_few_hosts_nobody_drops_anything(self) -> None:
        """Two members leave at the same time, and fewer hosts than copies are left."""
        tale = cluster(4)
        tale.put("a")
        tale.leave("n3")
        tale.leave("n4")
        held = {"replicas": (replica({"k": b"a"}),)}
        tale.settle({"k": ["a"]}, diverged=("n3 still holds something.",), changes={"n3": held, "n4": held})
        for name in ("AE-01", "AE-05", "MEM-05"):
            assert not finding(tale, name).breaches
        assert "fewer hosts" in finding(tale, "MEM-05").unclear[0]

    def test_shares_are_not_asked_of_a_ring_on_too_few_hosts(self) -> None:
        """With fewer hosts than copies the contract leaves the shares open."""
        tale = Handmade(configuration=Configuration(nodes=3), profiles=EVERYTHING)
        hosts = dict.fromkeys(tale.nodes, "one")
        owners = dict.fromkeys(range(4), ("n1",))
        tale.look(changes={node: {"owners": owners, "hosts": hosts} for node in tale.nodes})
        assert finding(tale, "RNG-03") == SILENT

    def test_a_quorum_that_needs_the_slow_replica_may_wait(self) -> None:
        """W=3 of three copies, and the coordinator itself: neither can do without it."""
        tale = Handmade()
        tale.put("a")
        tale.look()
        for number, other in enumerate(("n2", "n3")):
            tale.fault(number, LinkFault(how="latency", source="n1", target=other, latency_ms=100))
        tale.tick(2.0)
        for number in range(4):
            tale.put(f"b{number}", node="n2", takes=0.3)
        tale.heal(0)
        tale.heal(1)
        tale.fault(2, Isolate(how="stall", node="n3"))
        tale.tick(2.0)
        for number in range(4):
            tale.put(f"c{number}", takes=0.3, w=3)
        tale.heal(2)
        assert not finding(tale, "AVL-04").breaches


class TestAnswersWhileMembersChange:
    """A Put that fails although most nodes are there, where nobody can say that it had to succeed."""

    def test_who_went_down_since_the_change_may_have_been_released_to(self) -> None:
        """Of the newcomer and the old owner neither serves; the other copies are owed all the same."""
        tale = cluster()
        tale.join("n5")
        tale.kill("n5")
        assert self.is_excused(tale, w=3)
        assert not self.is_excused(tale, w=2)

    def test_all_copies_are_not_owed_beside_one_who_is_down(self) -> None:
        """Who could stand in for it may be in the place of another home."""
        tale = cluster(5)
        tale.kill("n4")
        tale.join("n6")
        assert self.is_excused(tale, w=3)
        assert not self.is_excused(tale, w=2)

    def test_who_is_removed_after_the_first_change_counts_as_missing(self) -> None:
        """Something may have been released to it while it ran."""
        tale = cluster(5)
        tale.join("n6")
        tale.kill("n4")
        tale.remove("n4")
        assert self.is_excused(tale, w=3)
        assert not self.is_excused(tale, w=2)

    def test_a_leaver_that_is_cut_off_is_missed(self) -> None:
        """It is a home in some view, and may be none in another."""
        tale = cluster()
        tale.leave("n2")
        tale.fault(1, Isolate(how="drop", node="n2"))
        assert self.is_excused(tale, w=3)
        assert not self.is_excused(tale, w=2)

    def test_nothing_is_owed_beside_one_who_is_missing_where_a_machine_has_two_members(self) -> None:
        """An old owner and a new one of the same partition may be these."""
        hosts = ("h1", "h1", "h2", "h3", "h4")
        for missing in (True, False):
            tale = Handmade(configuration=Configuration(nodes=5, hosts=hosts), profiles=EVERYTHING)
            tale.kill("n5")
            if missing:
                tale.join("n6")
            else:
                tale.remove("n5")
            assert self.is_excused(tale, w=2) == missing

    def test_nothing_is_owed_by_who_is_no_member_in_every_view(self) -> None:
        """A leaver, and a newcomer."""
        tale = cluster(5)
        tale.kill("n5")
        tale.leave("n2")
        assert self.is_excused(tale, w=2, node="n2")
        tale = cluster(5)
        tale.kill("n5")
        tale.join("n6")
        assert self.is_excused(tale, w=2, node="n6")

    def test_a_newcomer_must_have_been_there_when_it_was_asked_for(self) -> None:
        """Before it runs it is as bad as down, and one who is down is enough."""
        tale = cluster(5)
        tale.kill("n5")
        tale.join("n6")
        place = next(place for place, each in enumerate(tale.events) if isinstance(each, NodeUp))
        up = tale.events.pop(place)
        tale.events.append(structs.replace(up, began=tale.tick(), time=tale.tick()))
        assert self.is_excused(tale, w=2)

    def test_fewer_hosts_than_copies_may_be_left(self) -> None:
        """Two leave at the same time, and a third is down."""
        tale = cluster(4)
        tale.kill("n4")
        tale.leave("n2")
        tale.leave("n3")
        assert self.is_excused(tale, w=1)

    def is_excused(self, tale: Handmade, **how: Any) -> bool:
        """Whether nothing is held against a Put that fails now."""
        tale.tick(2.0)
        tale.put(f"v{tale.now}", end="UNAVAILABLE", **how)
        return not finding(tale, "AVL-01").breaches
