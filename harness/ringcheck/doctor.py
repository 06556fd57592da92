"""Whether this machine can carry a run: a few checks, each with what to do when it fails."""

import importlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ringcheck import stopping
from ringcheck.cluster import Cluster
from ringcheck.errors import RingcheckError
from ringcheck.schedule import Configuration
from ringcheck.target import Target
from ringcheck_chaos.links import Links
from ringcheck_chaos.ports import NoPortsError, lease
from ringcheck_chaos.toxiproxy import ToxiproxyError, find_server

OLDEST_PYTHON = (3, 11)
PACKAGES = (
    "grpc",
    "grpc_health",
    "grpc_reflection",
    "google.protobuf",
    "hypothesis",
    "pytest",
    "pytest_timeout",
    "xdist",
    "toxiproxy",
    "requests",
    "rich",
    "msgspec",
    "prometheus_client",
    "dynamo_node.v1.key_value_pb2_grpc",
    "ringcheck_properties",
)
NODES = 5
FREE_BYTES = 200 * 1024 * 1024
"""What the nodes' disks and a run's histories may take, generously."""

SLOW_START_S = 10.0
"""Five reference nodes start in well under a second; a machine that needs so long will miss other deadlines."""


class Check(msgspec.Struct, frozen=True):
    """One thing looked at. `detail` is what was seen, `advice` what to do about it (empty when all is well)."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def check_python(version: tuple[int, ...] = sys.version_info[:3], system: str = sys.platform) -> Check:
    """Python is new enough, and the system is Linux."""
    seen = f"Python {'.'.join(map(str, version))} on {system}, {platform.machine()}"
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if version < OLDEST_PYTHON:
        return Check("python", ok=False, detail=seen, advice=f"Install Python {oldest} or newer.")
    if system != "linux":
        return Check("python", ok=False, detail=seen, advice="Run it on Linux; a container will do.")
    return Check("python", ok=True, detail=seen)


def check_packages(names: tuple[str, ...] = PACKAGES) -> Check:
    """Everything that a run imports can be imported."""
    missing = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({error})")
    if missing:
        detail = f"cannot be imported: {', '.join(missing)}"
        return Check(
            "packages", ok=False, detail=detail, advice="Install ringcheck again, into an environment of its own."
        )
    return Check("packages", ok=True, detail=f"{len(names)} can be imported")


def check_toxiproxy(choice: str | None = None) -> Check:
    """There is a Toxiproxy server: the embedded one always is."""
    try:
        server = find_server(choice)
    except ToxiproxyError as error:
        return Check("toxiproxy", ok=False, detail=str(error), advice="Name another one with --toxiproxy.")
    return Check("toxiproxy", ok=True, detail=f"{server.kind} {server.where}".strip())


def check_ports() -> Check:
    """A cluster's ports can be had."""
    needed = 1 + NODES + Links.ports_needed(NODES)
    try:
        with lease(needed) as held:
            return Check("ports", ok=True, detail=f"{needed} leased, from {min(held.ports)} up")
    except NoPortsError as error:
        return Check("ports", ok=False, detail=str(error), advice="End other runs, or whatever holds these ports.")


def check_temporary_folder() -> Check:
    """The folder for temporary files can be written and has room."""
    try:
        with tempfile.TemporaryDirectory(prefix="ringcheck-doctor-") as folder:
            (Path(folder) / "probe").write_bytes(b"x" * 4096)
            free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(
            "temporary folder", ok=False, detail=str(error), advice="Set TMPDIR to a folder that you can write."
        )
    detail = f"{tempfile.gettempdir()}, {free // 2**20} MiB free"
    if free < FREE_BYTES:
        return Check("temporary folder", ok=False, detail=detail, advice="Make room, or set TMPDIR to another disk.")
    return Check("temporary folder", ok=True, detail=detail)


def check_process_control() -> Check:
    """The kernel lets a supervisor adopt orphans, and a process die with its parent."""
    code = (
        "from ringcheck_chaos.supervisor import adopt_orphans; adopt_orphans(); "
        "from ringcheck_chaos.processes import die_with_parent; die_with_parent()"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"
        return Check("processes", ok=False, detail=f"prctl: {last}", advice="Allow prctl in this container or sandbox.")
    return Check("processes", ok=True, detail="orphans are adopted, children die with their parent")


def check_cluster(target: Target | None = None) -> Check:
    """Five reference nodes, with proxies between them, become healthy in good time."""
    began = time.monotonic()
    try:
        stopping.run(_start_and_stop(target or Target.from_command()))
    except RingcheckError as error:
        return Check(
            "cluster", ok=False, detail=str(error), advice="Mend what is said above, and see the node's log lines."
        )
    seconds = time.monotonic() - began
    detail = f"{NODES} reference nodes started and stopped in {seconds:.1f} s"
    if seconds > SLOW_START_S:
        return Check(
            "cluster", ok=False, detail=detail, advice="Give it a quieter machine, or verdicts will be inconclusive."
        )
    return Check("cluster", ok=True, detail=detail)


CHECKS: tuple[Callable[[], Check], ...] = (
    check_python,
    check_packages,
    check_toxiproxy,
    check_ports,
    check_temporary_folder,
    check_process_control,
    check_cluster,
)
"""All checks, the cheap ones first: a later one may fail for the reason an earlier one gives."""


async def _start_and_stop(target: Target) -> None:
    cluster = await Cluster.start(target, Configuration(nodes=NODES), find_server())
    await cluster.close()
