"""Build hook: turns the contract's .proto files into typed Python, in place.

Hatchling runs it for wheels and for editable installs. What it writes is never edited and never committed.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE_ROOT = Path(__file__).resolve().parent


def generate(root: Path = SOURCE_ROOT) -> list[Path]:
    """Compile every .proto below `root`; returns the sources compiled.

    Raises RuntimeError when protoc refuses them; its own messages are on stderr.
    """
    # Imported here: the module must be loadable without the generator, which only a build has.
    import grpc_tools
    from grpc_tools import protoc

    sources = sorted(root.rglob("*.proto"))
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    # protoc looks for its plugins next to the interpreter of the isolated build environment.
    scripts = Path(sys.executable).parent
    plugins = [
        f"--plugin={name}={path}"
        for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
        if (path := scripts / name).exists()
    ]
    arguments = [
        "protoc",
        f"--proto_path={root}",
        f"--proto_path={well_known}",
        *plugins,
        *(f"--{kind}_out={root}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")),
        *(str(source.relative_to(root)) for source in sources),
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError(f"protoc refused the contract in {root}; see its messages above.")
    return sources


class GenerateContract(BuildHookInterface):  # type: ignore[type-arg]
    """Runs `generate` before hatchling collects files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002, hatchling's signature
        """Called by hatchling before each build target."""
        generate()
