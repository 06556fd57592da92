"""Run the reference node with one planted bug: `python tests/mutants/node.py NAME CONFIG`."""

import argparse
import sys
from pathlib import Path

from bugs import BUGS  # type: ignore[import-not-found]  # found beside this script, whatever the working folder

from ringcheck_reference.shell.main import serve


class ListBugs(argparse.Action):
    """Prints the names and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Called by argparse."""
        for bug in BUGS.values():
            print(f"{bug.name:4}{bug.sentence}")
        parser.exit()


def main() -> int:
    """Returns the exit code of the node; 2 for a bug that is not known."""
    parser = argparse.ArgumentParser(description="Run the reference node with one planted bug.")
    parser.add_argument("--list", action=ListBugs, nargs=0, help="say which bugs there are, and stop")
    parser.add_argument("name", choices=BUGS, metavar="NAME", help="of the bug, as --list says it")
    parser.add_argument("config", type=Path, metavar="CONFIG", help="path of a NodeConfig in JSON")
    arguments = parser.parse_args()
    BUGS[arguments.name].plant()
    return serve(arguments.config)


if __name__ == "__main__":
    sys.exit(main())
