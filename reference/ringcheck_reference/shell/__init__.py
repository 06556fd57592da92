"""The shell of the reference node: everything that the pure core may not know.

main         puts it all together, from start to graceful stop
config       the NodeConfig file, checked
store        the disk: sqlite3 behind a thread that groups commits
runner       drives the core: clock, timer, effects in their order
translate    the contract's messages to the core's and back
channels     how nodes dial and listen
peers        streams to other nodes              inbound       streams from other nodes
services     KeyValue, Node, Ring                inspection    Inspect
server       the gRPC server, with health and reflection
"""

import os

# Before gRPC is imported: it writes lines of its own, of another form, about every connection that breaks.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
