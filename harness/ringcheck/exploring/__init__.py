"""Seeds by the thousand through the simulated world.

trial     one seed: drawn, carried out, judged
"""
