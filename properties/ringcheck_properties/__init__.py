"""What must hold: schedules for every requirement, scripted and random, and the pytest tests that carry them out.

    pytest --pyargs ringcheck_properties --ringcheck-target "my-node --config {config}"

clusters     the configurations that schedules ask for
builder      Story: writes a schedule step by step
registry     scripted examples by requirement, and the requirements that this version does not judge
examples/    the examples, one file a family
strategies   random schedules, as a Hypothesis strategy
machine      the same as a Hypothesis state machine, whose teardown carries the schedule out
flaws        what a well-formed schedule must not have
"""
