"""The pure core of the node.

Two rules. Everything that decides what the node says or stores lives here. Nothing here reads a clock, draws
a number, awaits or touches a disk: time, seed and the results of I/O come in as arguments, and what is to be
done goes out as a list of effects, in the order in which it must happen.

    values                    how plain data is made
    versions, encoding        dots, contexts, states: the algebra, and its bytes
    ring, merkle, quorum      pure structures, each readable on its own
    events, view, placement   who the members are, as a set of events, and where that leaves a partition
    messages, effects, views  what goes in, what comes out, what the node shows of itself
    overlay, replica, hints   durable data, and what is on its way to the disk
    facts, standing           the durable view, and what this node's word is worth under it
    peers, counters           what is believed of others, what is counted
    desk, conversation        what every conversation shares, and its frame
    clients, serving          what is asked: checked and handed on, or answered at once
    membership                how a view is learnt and adopted
    reading, writing, forwarding, storing, handoff, antientropy, detector    one conversation each
    changing, gossip, transfer, dropping                                     one each, for members that come and go
    node                      hands each message to its conversation
"""
