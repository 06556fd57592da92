"""An operator's view of a running cluster, whoever started it: what its nodes say, and changes of its membership.

Everything here asks by the contract's own services and knows nodes by their addresses alone. What is found is plain
data, which `reports/cluster.py` prints and `--json` writes as it is.
"""
