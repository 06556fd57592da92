"""Bugs about writes on their way to their coordinator: 9."""

from ringcheck_reference.core.encoding import decode_context, encode_context
from ringcheck_reference.core.forwarding import Forwarding
from ringcheck_reference.core.messages import NodeId

from .bug import bug, replace


@bug("9", "a newer acknowledged write is replaced by an older one", "DUR-01")
def forwards_again() -> None:
    """A forwarder that waits too long forwards the same write again.

    Lest its first attempt stay as a sibling, it lets the second one supersede all that it holds of the key by then. A
    home forwards, too, as the contract lets it: who is no home holds nothing to supersede.
    """

    def coordinator(forwarding: Forwarding) -> NodeId:
        desk, write = forwarding._desk, forwarding._write
        reached = (node for node in desk.ring.preference_list(write.key) if desk.peers.trusts(node))
        untried = (node for node in reached if node not in forwarding._tried)
        return next((node for node in untried if desk.peers.can_gather(node, write.w)), desk.own)

    def start(forwarding: Forwarding) -> None:
        honest_start(forwarding)
        if forwarding._tried and not forwarding.closed:
            desk = forwarding._desk
            desk.wake(forwarding, desk.now + desk.config.replica_timeout)

    def on_time(forwarding: Forwarding) -> None:
        desk, write = forwarding._desk, forwarding._write
        if len(forwarding._tried) > 1:
            honest_on_time(forwarding)
            return
        context = decode_context(write.key, write.context).join(desk.found(write.key).context)
        forwarding._write = type(write)(
            write.incarnation, write.key, write.value, encode_context(write.key, context), write.w
        )
        forwarding.start()

    replace(Forwarding, "is_needed", staticmethod(lambda _desk, _key, _w: True))
    replace(Forwarding, "coordinator", coordinator)
    honest_start = replace(Forwarding, "start", start)
    honest_on_time = replace(Forwarding, "on_time", on_time)
