"""Seeds by the thousand through the simulated world.

options      what a user asks
trial        one seed: drawn, carried out, judged; hermetic keeps its schedule the same in every process
patience     an end to a schedule that never ends
executor     who tries seeds: the protocol, and this process as the simplest
pool         worker processes; worker is their other end
seeds        which seeds are next, which are under way; versions, what decides which schedule each is
audit        which seeds are tried twice, and whether both times were alike
packing      histories made small while they wait or travel
tally        what all seeds came to, and the failures by cause
search       hands seeds out, takes results, knows when to stop
saved        what failed in earlier explorations, tried first
shrinking    from a failing schedule to a small one
telling      from a failing seed to all that is known of it
news         what an exploration says of itself: events
folder       where it keeps what it finds; journal writes it
exploration  all of it together
coverage     what was seen to hold, and what never was
conclusion   what it comes to, as an exit code
"""
