"""The subcommands of `ringcheck`, one file each; every file offers a click command named `command`."""
