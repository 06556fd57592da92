"""A Dynamo-style key-value node: the worked example of the contract `dynamo_node.v1`.

    core/    a pure machine: messages, finished writes and time go in, effects come out
    shell/   gRPC, sqlite, clock and configuration around it
    client/  a client that knows the ring, for this node and any other of the contract

The core imports nothing but the standard library, and of that neither clock, chance nor I/O; the shell
knows both sides.
"""
