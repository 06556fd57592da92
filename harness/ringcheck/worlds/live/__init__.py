"""The live world: real processes, real gRPC clients, a fault proxy on every link.

world        keeps a cluster from one schedule to the next
execution    one schedule, from the first step to the footer
traffic      the clients: what they send and what they wait for
disturbance  faults and deaths: made, proved, told, undone
operator     asks nodes for membership changes, stops those that have left
lookout      looks into nodes, until a condition holds
understudy   the harness in the place of an absent member, which misbehaves
nonsense     what such a one says
settling     everything is healed, and given its declared time to come to rest
"""

from ringcheck.worlds.live.world import LiveWorld

__all__ = ["LiveWorld"]
