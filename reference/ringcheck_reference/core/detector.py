"""Failure detection: probe every peer, suspect who stays silent, trust again who answers.

Purely local, as in Dynamo (section 4.8.3): what others believe is only heard in their Pongs, and only used to
choose a coordinator. So is how long a Pong took: who answers late is within reach, and no way for a write.
"""

from .conversation import Conversation
from .desk import Desk
from .messages import AnswerBody, NodeId, Ping, Pong


class Detector(Conversation):
    """Runs as long as the node."""

    lasts = True

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._probe_at = desk.now
        self._check_at: float | None = None

    def on_time(self) -> None:
        """Probe if it is time to, and suspect whom nothing was heard from for too long."""
        desk = self._desk
        if desk.now >= self._probe_at:
            self._probe_at = desk.now + desk.config.gossip_interval
            if desk.lingers:
                desk.review_peers()
            probe = Probe(desk)
            for node in desk.peers:
                desk.ask(node, Ping(), probe)
            desk.wake(self, self._probe_at)
        if self._check_at is not None and desk.now >= self._check_at:
            self._check_at = None
        for node in desk.peers.silent(desk.now, desk.config.replica_timeout):
            desk.peers.suspect(node)
        self._arm()

    def _arm(self) -> None:
        """One alarm stands for all who are waited for."""
        waiting_since = self._desk.peers.waiting_since()
        if self._check_at is None and waiting_since is not None:
            self._check_at = waiting_since + self._desk.config.replica_timeout
            self._desk.wake(self, self._check_at)


class Probe(Conversation):
    """One Ping to every peer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._began = desk.now

    def on_answer(self, _request: int, sender: NodeId, body: AnswerBody) -> None:
        """Keep what the Pong reports, and whether it came late."""
        if isinstance(body, Pong):
            late = self._desk.now - self._began > self._desk.config.replica_timeout
            self._desk.peers.report(sender, body.incarnation, body.reachable, late=late)
