"""`python -m ringcheck` is the command `ringcheck`."""

from ringcheck.cli import main

main()
