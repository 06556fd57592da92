"""The same real nodes as for the shell."""

from tests.reference.shell.conftest import make_nodes as make_nodes
from tests.reference.shell.conftest import start_nodes as start_nodes
