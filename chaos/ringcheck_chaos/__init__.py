"""Faults for clusters of real processes: links that can be cut, processes that can be killed.

`faults` is the vocabulary, plain data; `links` carries out what concerns the network, through a
Toxiproxy server (`toxiproxy`, or our own in `embedded`); `processes` and `supervisor` what concerns the nodes,
`disks` what they keep.
`proof` shows that a fault took effect.
"""
