import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from dynamo_node.v1 import key_value_pb2, key_value_pb2_grpc
from ringcheck_chaos.ports import lease

FOREIGN = Path(__file__).parents[2] / "nodes" / "foreign.py"


@pytest.mark.slow
def test_cluster_to_play_with_runs_until_ctrl_c() -> None:
    """Its nodes listen where it says, can be talked to as it says, and are gone after Ctrl-C."""
    with lease(30) as ports:
        base = next(each for each in ports.ports if each + 1 in ports.ports)
        command = [sys.executable, "-u", "-m", "ringcheck", "cluster", "--nodes", "2", "--base-port", str(base)]
        target = ["--", sys.executable, str(FOREIGN), "{config}"]
        with subprocess.Popen([*command, *target], stdout=subprocess.PIPE, text=True) as cluster:
            assert cluster.stdout is not None
            said = ""
            for line in cluster.stdout:
                said += line
                if line.startswith("Ctrl-C ends it"):
                    break
            try:
                first = re.findall(r"^  n\d  (\S+)$", said, re.MULTILINE)[0]
                with grpc.insecure_channel(first) as channel:
                    store = key_value_pb2_grpc.KeyValueStub(channel)
                    store.Put(key_value_pb2.PutRequest(key=b"hello", value=b"world"), timeout=5)
                    answer = store.Get(key_value_pb2.GetRequest(key=b"hello"), timeout=5)
            finally:
                os.kill(cluster.pid, signal.SIGINT)
            farewell = cluster.stdout.read()
    assert re.findall(r"^  n\d  (\S+)$", said, re.MULTILINE) == [f"127.0.0.1:{base}", f"127.0.0.1:{base + 1}"]
    assert list(answer.values) == [b"world"]
    assert f'-d \'{{"key": "aGVsbG8="}}\' {first} dynamo_node.v1.KeyValue/Get' in said
    assert farewell == "Stopping …\nAll nodes are gone.\n"
    assert cluster.returncode == 0
