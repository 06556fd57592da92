"""The simulated world: cores of one kit in one process and in virtual time. One schedule is one history, always.

    world        makes a new cluster for each schedule
    execution    one schedule, from the first step to the footer
    traffic      the clients: what they send and what they wait for
    operator     asks nodes for membership changes, stops those that have left
    lookout      looks into nodes, until a condition holds
    settling     everything is healed, and given its declared time to come to rest

The cluster itself is in `ringcheck.simulation`.
"""

from ringcheck.worlds.simulated.world import SIMULATED, Effort, SimulatedWorld

__all__ = ["SIMULATED", "Effort", "SimulatedWorld"]
