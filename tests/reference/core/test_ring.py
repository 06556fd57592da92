"""The ring: a function of the members alone, fair by weight, on distinct machines, and steady under change."""

import hashlib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.ring import Ring

counts = st.sampled_from([1, 16, 64])


@st.composite
def memberships(draw: st.DrawFn) -> tuple[Member, ...]:
    """One to nine members of weight 1 to 4, some of which share a machine."""
    size = draw(st.integers(1, 9))
    hosts = st.sampled_from(["", "", "h1", "h2"])
    return tuple(Member(f"n{number}", draw(st.integers(1, 4)), draw(hosts)) for number in range(size))


@settings(deadline=None)
@given(memberships(), st.integers(1, 3), counts, st.randoms())
def test_the_order_of_members_does_not_matter(members: tuple[Member, ...], n: int, count: int, random: Random) -> None:
    """Every node computes the same ring, in whatever order it heard of the members."""
    shuffled = list(members)
    random.shuffle(shuffled)
    one, two = Ring(members, n, count), Ring(shuffled, n, count)
    assert one.owners == two.owners
    assert one.preference_list(b"key") == two.preference_list(b"key")


@settings(deadline=None)
@given(memberships(), st.integers(1, 3), counts)
def test_owners_stand_on_distinct_machines(members: tuple[Member, ...], n: int, count: int) -> None:
    """Each partition has min(N, hosts) owners on as many machines."""
    ring = Ring(members, n, count)
    hosts = {member.machine for member in members}
    assert len(ring.owners) == count
    for owners in ring.owners:
        assert len(owners) == len({ring.machine(owner) for owner in owners}) == min(n, len(hosts))


@settings(deadline=None)
@given(memberships(), st.integers(1, 3), counts)
def test_first_owners_have_their_share(members: tuple[Member, ...], n: int, count: int) -> None:
    """As first owner a node has its share of the partitions by weight, rounded up or down."""
    ring = Ring(members, n, count)
    weights = sum(member.weight for member in members)
    for member in members:
        first = sum(owners[0] == member.id for owners in ring.owners)
        share = count * member.weight
        assert share // weights <= first <= -(-share // weights)


@settings(deadline=None)
@given(memberships(), st.integers(1, 3), st.binary(min_size=1, max_size=8))
def test_a_preference_list_names_every_member_once(members: tuple[Member, ...], n: int, key: bytes) -> None:
    """Home nodes first, then all others; those on machines of their own before those that share one."""
    ring = Ring(members, n, 16)
    nodes = ring.preference_list(key)
    machines = [ring.machine(node) for node in nodes]
    distinct = len(set(machines))
    assert sorted(nodes) == sorted(member.id for member in members)
    assert nodes[: len(ring.homes(key))] == ring.homes(key)
    assert len(set(machines[:distinct])) == distinct


@pytest.mark.parametrize("count", [16, 256])
@pytest.mark.parametrize("size", [5, 8])
def test_one_more_member_moves_little(size: int, count: int) -> None:
    """A join changes no more list members than four times N times the newcomer's share."""
    members = tuple(Member(f"n{number}") for number in range(size + 1))
    for newcomer in members:
        before = Ring([member for member in members if member != newcomer], 3, count)
        after = Ring(members, 3, count)
        moved = sum(len(set(new) - set(old)) for old, new in zip(before.owners, after.owners, strict=True))
        assert moved <= 4 * 3 * -(-count // (size + 1))


@given(st.binary(max_size=20), counts)
def test_a_key_lies_where_the_contract_says(key: bytes, count: int) -> None:
    """The partition is the first 8 bytes of SHA-256, scaled to Q."""
    place = int.from_bytes(hashlib.sha256(key).digest()[:8], "big")
    assert Ring([Member("n1")], 1, count).partition(key) == place * count // 2**64
