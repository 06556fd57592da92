"""A client that knows the ring, for any cluster of the contract: it asks the coordinator itself.

    async with Client({"n1": "127.0.0.1:20001", "n2": "127.0.0.1:20002"}) as client:
        context = await client.put(b"key", b"value")
        found = await client.get(b"key")

It is Dynamo's client-driven coordination (section 6.4). `routing.py` says whom to ask, and is pure; `client.py` asks.
"""

from .client import Client, Found
from .errors import ClientError, IndefiniteError, RefusedError, UnreachableError

__all__ = ["Client", "ClientError", "Found", "IndefiniteError", "RefusedError", "UnreachableError"]
