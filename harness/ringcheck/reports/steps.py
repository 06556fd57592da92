"""A schedule in plain words: its cluster, and a numbered sentence for each step."""

from collections.abc import Iterator, Sequence

from ringcheck.judging import words
from ringcheck.schedule import (
    Await,
    Backup,
    Configuration,
    CrashAfter,
    Delete,
    Disturb,
    Elapse,
    ExpectAnswer,
    ExpectSettled,
    Get,
    Heal,
    Inject,
    Join,
    Kill,
    Leave,
    MembershipChange,
    Observe,
    Operation,
    Put,
    Remove,
    Restart,
    Retire,
    RollBack,
    Schedule,
    Settle,
    Size,
    Step,
    Wipe,
)
from ringcheck_chaos.faults import describe


def tell_configuration(configuration: Configuration) -> Iterator[str]:
    """The cluster, a few lines."""
    it = configuration
    yield f"{words.times(it.nodes, 'node')}, N={it.n} R={it.r} W={it.w}, {words.times(it.partition_count, 'partition')}"
    uneven = []
    if it.weights:
        uneven.append("weights " + ", ".join(map(str, it.weights)))
    if it.hosts:
        uneven.append("hosts " + ", ".join(it.hosts))
    if uneven:
        yield "; ".join(uneven)
    yield (
        f"gossip every {_ms(it.gossip_interval_ms)}, handoff every {_ms(it.handoff_interval_ms)}, "
        f"anti-entropy every {_ms(it.anti_entropy_interval_ms)}"
    )
    yield (
        f"time-outs: a replica {_ms(it.replica_timeout_ms)}, a request {_ms(it.request_timeout_ms)}; deadlines: "
        f"detection {_ms(it.detection_deadline_ms)}, convergence {_ms(it.convergence_deadline_ms)}"
    )
    if it.tombstone_lifetime_ms:
        yield f"tombstones may be reaped after {_ms(it.tombstone_lifetime_ms)}"


def tell_steps(schedule: Schedule) -> Iterator[str]:
    """The steps, numbered from 1; a fault that ends is told as what it was."""
    faults = {step.id: describe(step.fault) for step in schedule.steps if isinstance(step, Inject)}
    width = len(str(len(schedule.steps)))
    for number, step in enumerate(schedule.steps, start=1):
        yield f"{number:>{width}}. {tell_step(step, schedule.configuration, faults)}"


def tell_step(step: Step, configuration: Configuration, faults: dict[int, str]) -> str:
    """One step in a sentence. `faults` are those of the schedule, by id, in words."""
    match step:
        case Get() | Put() | Delete():
            return _operation(step)
        case Await():
            return "Everybody waits until all operations have ended."
        case Inject(id=number, fault=fault):
            return f"Fault {number} begins: {describe(fault)}."
        case Heal(id=number):
            return f"Fault {number} ends: {faults.get(number, 'it was none of this schedule')}."
        case Kill(nodes=nodes):
            return f"{_all(nodes)} {_are(nodes)} killed."
        case Restart(nodes=nodes):
            return f"{_all(nodes)} {'starts' if len(nodes) == 1 else 'start'} again."
        case CrashAfter(node=node, effects=effects):
            return f"{node} will die after {words.times(effects, 'more effect')} of what it does."
        case Wipe(nodes=nodes):
            lost = _have(nodes, "loses its disk", "lose their disks")
            return f"{_all(nodes)} {_are(nodes)} killed and {lost} for good."
        case Backup(nodes=nodes):
            return f"The {_have(nodes, 'disk', 'disks')} of {_all(nodes)} {_are(nodes)} copied."
        case RollBack(nodes=nodes):
            got = _have(nodes, "gets back the last copy of its disk", "get back the last copies of their disks")
            return f"{_all(nodes)} {_are(nodes)} killed and {got}."
        case Join() | Leave() | Remove():
            return _change(step)
        case Retire(nodes=nodes):
            return f"Once drained, {_all(nodes)} {_are(nodes)} stopped for good."
        case Disturb(node=node, source=source):
            return f"In the place of {source} the harness talks nonsense to {node}."
        case Elapse():
            return _elapse(step, configuration)
        case Observe():
            return _observe(step)
        case Settle():
            return "Everything heals and restarts; the cluster settles, and every key is read at every node."
        case ExpectAnswer(requirement=requirement, operation=operation, code=code, values=expected):
            what = "" if expected is None else f" with {words.values(expected)}"
            return f"Expected ({requirement}): #{operation} ended with {code}{what}."
        case ExpectSettled(requirement=requirement, key=key, values=expected):
            return f"Expected ({requirement}): {words.value(key)} holds {words.values(expected)}."


def _operation(step: Operation) -> str:
    key = words.value(step.key) + _sized(step.key_size)
    match step:
        case Get():
            deed, quorum = f"reads {key}", f", R={step.r}" if step.r else ""
        case Put():
            deed, quorum = f"writes {words.value(step.value)}{_sized(step.value_size)} to {key}", _w(step.w)
        case Delete():
            deed, quorum = f"deletes {key}", _w(step.w)
    context = "" if isinstance(step, Get) else _context(step)
    rest = ", and waits for the answer." if step.wait else "."
    if isinstance(step, Put) and step.as_peer:
        context += f", as {step.as_peer} forwards it, several times"
    return f"Client {step.client} {deed} through {step.node}{quorum}{context} (#{step.id}){rest}"


def _change(step: MembershipChange) -> str:
    match step:
        case Join(node=node, weight=weight, host=host):
            placed = f", host {host}" if host else ""
            weighed = f", weight {weight}" if weight != 1 else ""
            deed = f"{node} starts and joins{weighed}{placed}"
        case Leave(node=node):
            deed = f"{node} is told to leave"
        case Remove(node=node):
            deed = f"{node} is removed"
    rest = ", and the operator waits for the answer." if step.wait else "."
    return f"{deed}, asked of {step.through or 'the first member that runs'}{rest}"


def _context(step: Put | Delete) -> str:
    match step.context:
        case None:
            return ", blindly"
        case "malformed":
            return ", with a context that means nothing"
        case number:
            return f", having seen #{number}"


def _w(quorum: int) -> str:
    return f", W={quorum}" if quorum else ""


def _sized(size: Size) -> str:
    match size:
        case "limit":
            return " (as long as may be)"
        case "over":
            return " (longer than may be)"
        case 0:
            return ""
    return f" ({size} bytes)"


def _elapse(step: Elapse, configuration: Configuration) -> str:
    if not step.detections:
        return f"{step.seconds:g} s pass."
    seconds = step.seconds + step.detections * configuration.detection_deadline_ms / 1000
    more = f"{step.seconds:g} s and " if step.seconds else ""
    return f"{more}{step.detections:g} detection deadlines pass, {seconds:g} s as configured."


def _observe(step: Observe) -> str:
    key = words.value(step.key)
    match step.until:
        case "hint":
            return f"A look into every node, until somebody holds a hint{f' for {step.node}' if step.node else ''}."
        case "differ":
            return f"A look into every node, until owners of {key} differ."
        case "equal":
            return f"A look into every node, until all owners of {key} agree."
        case "copy":
            return f"A look into every node, until {step.node} holds something in its replica."
    return "A look into every node."


def _all(nodes: Sequence[str]) -> str:
    *most, last = nodes
    return f"{', '.join(most)} and {last}" if most else last


def _are(nodes: Sequence[str]) -> str:
    return _have(nodes, "is", "are")


def _have(nodes: Sequence[str], one: str, many: str) -> str:
    return one if len(nodes) == 1 else many


def _ms(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:g} s"
