"""A store in which every node holds everything; `ringcheck explore --core docs/tiny.py` tries it."""

import json

from dynamo_node.v1.node_pb2 import PROFILE_DESCRIBE, PROFILE_KV, DescribeResponse, Limits

LIMITS = Limits(max_key_bytes=1_000, max_value_bytes=10_000, max_siblings=1_000, max_message_bytes=10_000_000)

disk = "transactions"  # what is persisted together is kept together, and nothing without what came before it


def describe(config):
    """What a node says of itself. It declares no more than it must, so no more is asked of it."""
    shared = ("node_id", "n", "r", "w", "partition_count")
    times = ("request_timeout_ms", "detection_deadline_ms", "convergence_deadline_ms")
    return DescribeResponse(
        **{name: getattr(config, name) for name in shared + times},
        implementation="tiny",
        version="1",
        profiles=[PROFILE_KV, PROFILE_DESCRIBE],
        limits=LIMITS,
    )


def start(config, disk, surroundings, *, incarnation, entropy):
    """One run of one node, on what its disk holds."""
    return Tiny(config, disk, surroundings, actor=f"{config.node_id}-{entropy.hex()}")


def merge(one, other):
    """A state is (seen, live): dots of all writes it knows of, and the values of those that nobody has covered."""
    (seen, live), (also_seen, also_live) = one, other
    alive = {dot: value for dot, value in live.items() if dot in also_live or dot not in also_seen}
    alive |= {dot: value for dot, value in also_live.items() if dot in live or dot not in seen}
    return seen | also_seen, alive


def encode(state):
    """The bytes of a state: sorted, so that they do not depend on the order of a set."""
    seen, live = state
    return json.dumps([sorted(seen), {dot: live[dot].hex() for dot in sorted(live)}]).encode()


def decode(data):
    """The state in these bytes; nothing at all is the empty one."""
    seen, live = json.loads(data or b"[[], {}]")
    return frozenset(seen), {dot: bytes.fromhex(value) for dot, value in live.items()}


def handed_out(key, seen):
    """The context of a key for clients; of a key that nobody has written, none."""
    return json.dumps([key.hex(), sorted(seen)]).encode() if seen else b""


def covered(key, context):
    """The dots that a client's context covers; None for one that is none of this key's."""
    try:
        whose, dots = json.loads(context) if context else (key.hex(), [])
    except (ValueError, TypeError):
        return None
    return frozenset(dots) if whose == key.hex() else None


class Job:
    """A client's call that waits for nodes."""

    def __init__(self, call, key, need, nodes, state, soon, latest, reads):
        self.call, self.key, self.need, self.waiting, self.state = call, key, need, set(nodes), state
        self.soon, self.latest, self.reads, self.answers = soon, latest, reads, set()

    @property
    def enough(self):
        return len(self.answers) >= self.need


class Tiny:
    """A write goes to every node, and every node is asked by a read; W or R answers are enough."""

    def __init__(self, config, disk, outside, actor):
        self.config, self.disk, self.outside, self.actor = config, disk, outside, actor
        self.nodes = [member.node_id for member in config.members]
        self.hosts = {member.node_id: member.host or member.node_id for member in config.members}
        self.peers = [node for node in self.nodes if node != config.node_id]
        self.memory = {key: decode(data) for key, data in sorted(disk.items())}
        self.number = 0  # of dots, requests and tokens alike
        self.jobs, self.asking, self.saving = {}, {}, {}
        self.sync_at = None

    # What clients ask.

    def get(self, now, call, key, r):
        if self.refuses(call, key, r):
            return
        job = self.begin(now, call, key, r or self.config.r, decode(self.disk.get(key)))
        self.ask(job, ("read", key), "read")
        self.heard(now, job, self.config.node_id, job.state)

    def put(self, now, call, key, value, context, w):
        if not self.refuses(call, key, w, context, value):
            dot = f"{self.actor}-{self.next()}"
            self.write(now, call, key, (covered(key, context) | {dot}, {dot: value}), w)

    def delete(self, now, call, key, context, w):
        if not self.refuses(call, key, w, context, deletes=True):
            self.write(now, call, key, (covered(key, context), {}), w)

    def refuses(self, call, key, quorum, context=b"", value=b"", *, deletes=False):
        """Whether a call makes no sense: then it is answered so, and nothing has happened."""
        fits = 0 < len(key) <= LIMITS.max_key_bytes and len(value) <= LIMITS.max_value_bytes and quorum <= self.config.n
        dots = covered(key, context)
        if fits and dots is not None and (dots or not deletes):
            return False
        self.outside.reply(call, "INVALID_ARGUMENT", "key, value, context or quorum are beyond what this node takes")
        return True

    def write(self, now, call, key, state, w):
        job = self.begin(now, call, key, w or self.config.w, (state[0], {}), reads=False)
        self.ask(job, ("write", {key: state}), "write")
        self.store({key: state}, lambda now, durable: self.heard(now, job, self.config.node_id, durable and job.state))

    # What nodes say to each other.

    def asked(self, now, caller, request, message):
        what, about = message
        if what == "read":
            self.outside.answer(caller, request, decode(self.disk.get(about)))
        else:
            nothing = (frozenset(), {})
            self.store(about, lambda _, durable: request and self.outside.answer(caller, request, durable and nothing))

    def answered(self, now, peer, request, message):
        if request in self.asking:
            self.heard(now, self.asking.pop(request), peer, message)

    def failed(self, now, peer, requests, *, sent):
        for request in requests:
            self.answered(now, peer, request, False)

    def connected(self, now, peer, incarnation):
        pass

    # Disk and time.

    def persisted(self, now, token, *, durable):
        self.saving.pop(token)(now, durable)

    def tick(self, now):
        if self.sync_at is None or now >= self.sync_at:
            self.sync_at = now + self.config.anti_entropy_interval_ms / 1000
            self.store({}, lambda now, durable: None)  # what the disk refused before
            for peer in self.peers:
                self.outside.send(peer, 0, ("write", dict(self.memory)), "anti-entropy")
        for job in list(self.jobs.values()):
            self.settle(now, job)

    def next_deadline(self):
        times = [job.soon if job.enough else job.latest for job in self.jobs.values()]
        return min([self.sync_at or 0.0, *times])

    # How it works.

    def next(self):
        self.number += 1
        return self.number

    def begin(self, now, call, key, need, state, *, reads=True):
        soon, latest = (
            now + ms / 1000 for ms in (self.config.replica_timeout_ms, self.config.request_timeout_ms * 0.9)
        )
        self.jobs[call] = Job(call, key, need, self.nodes, state, soon, latest, reads)
        return self.jobs[call]

    def ask(self, job, message, kind):
        for peer in self.peers:
            request = self.next()
            self.asking[request] = job
            self.outside.send(peer, request, message, kind)

    def heard(self, now, job, node, state):
        """A node has answered with a state, or has failed (False)."""
        if node in job.waiting:
            job.waiting.discard(node)
            if state is not False:
                job.answers.add(self.hosts[node])  # two nodes on one machine are one copy
                job.state = merge(job.state, state)
            self.settle(now, job)

    def settle(self, now, job):
        if job.call not in self.jobs or (job.waiting and now < (job.soon if job.enough else job.latest)):
            return
        del self.jobs[job.call]
        if not job.enough:
            self.outside.reply(job.call, "UNAVAILABLE", f"{len(job.answers)} of {job.need} machines answered")
            return
        seen, live = job.state
        values, context = [live[dot] for dot in sorted(live)], handed_out(job.key, seen)
        # What a read has returned must not be forgotten here: the next one may find nobody else to ask.
        found = {job.key: job.state} if job.reads else {}
        self.store(found, lambda now, durable: self.outside.reply(job.call, "OK", values=values, context=context))

    def store(self, states, then):
        """Merge states into memory, bring the disk up to it, and go on."""
        for key, state in states.items():
            self.memory[key] = merge(self.memory.get(key, decode(None)), state)
        rows = [(key, encode(state)) for key, state in self.memory.items()]
        token = self.next()
        self.saving[token] = then
        self.outside.persist(token, [(key, data, None) for key, data in rows if self.disk.get(key) != data])
