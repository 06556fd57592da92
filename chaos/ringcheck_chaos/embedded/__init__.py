"""Our own Toxiproxy: the same HTTP API and toxics in plain asyncio, with nothing to install.

`api` answers HTTP (`http` reads and writes it), `proxy` listens and dials, `flow` carries one direction of one
connection through its `toxics`. Where the foreign server can be killed or blocked by what it is asked, this one
answers 400, and no connection can hold up the API.
"""
