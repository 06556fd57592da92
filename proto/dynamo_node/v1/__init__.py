"""Version 1 of the contract: services, messages and, in requirements.toml, what they promise."""
