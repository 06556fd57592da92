"""A whole cluster in one process and in virtual time: the parts of the simulated world.

    core       the protocol by which a node's core is simulated: bring your own
    loading    finds cores and other parts by a name given as text
    captivity  keeps a core from ending the process that tries it
    clock      the scheduler: a heap of moments, and the clocks of nodes
    chance     where all random numbers come from
    network    links, what travels on them, and their faults
    disk       disks: what a crash keeps, what fails, what is copied and lost
    node       one core with its disk and its clock; carries its effects out
    cluster    all of them, and what befalls them
    looking    what they show of themselves, as observations

`ringcheck.worlds.simulated` carries schedules out on it.
"""
