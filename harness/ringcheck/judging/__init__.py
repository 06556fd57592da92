"""From a history to verdicts: pure functions over data, with no cluster."""
