"""One proxy of a Toxiproxy server, and how it gets from one condition into another."""

from collections.abc import Mapping

import msgspec
from toxiproxy import Proxy

from ringcheck_chaos.conditions import STREAMS, Condition
from ringcheck_chaos.toxiproxy import Stream, Toxiproxy


class Link(msgspec.Struct, frozen=True):
    """A proxy by its name, with the address (host:port) on which it listens and the one that it dials."""

    name: str
    listen: str
    upstream: str

    def json(self, enabled: bool = True) -> dict[str, object]:
        """The proxy as a server is told to create it."""
        return {"name": self.name, "listen": self.listen, "upstream": self.upstream, "enabled": enabled}

    def move(self, server: Toxiproxy, old: Condition, new: Condition, afresh: bool = False) -> None:
        """Bring the proxy from one condition into another, by blocking calls; raises ToxiproxyError.

        `afresh` replaces the proxy, and so closes its connections. Where connections close anyhow while bytes wait on
        them, that is the way too: a foreign Toxiproxy hands on what it holds when a toxic beside it changes, or hangs
        for seconds because its socket is closed.
        """
        if afresh or old.replaces_cut(new) or (old.stalled and not (old.enabled and new.enabled)):
            self._replace(server, new)
            return
        if old.enabled and not new.enabled:
            server.set_enabled(self.name, False)
        before, after = old.toxics(), new.toxics()
        for stream in STREAMS:
            was, will = before.get(stream), after.get(stream)
            if was == will:
                continue
            if was and will and was[0] == will[0]:
                server.update_toxic(self.name, toxic_name(stream), will[1])
                continue
            if was:
                server.remove_toxic(self.name, toxic_name(stream))
            if will:
                server.add_toxic(self.name, toxic_name(stream), will[0], stream, will[1])
        if new.enabled and not old.enabled:
            server.set_enabled(self.name, True)

    def agrees(self, proxies: Mapping[str, Proxy], condition: Condition) -> bool:
        """Whether the state of the proxy, as its server tells it, is what `condition` says."""
        proxy = proxies.get(self.name)
        if proxy is None:
            return False
        toxics = {toxic.stream: (toxic.type, toxic.attributes) for toxic in proxy.toxics.values()}
        return bool(proxy.enabled == condition.enabled and toxics == condition.toxics())

    def _replace(self, server: Toxiproxy, new: Condition) -> None:
        server.destroy(self.name)
        # Closed until its toxics are in place: not a byte gets past them.
        server.populate([self.json(enabled=False)])
        for stream, (kind, attributes) in new.toxics().items():
            server.add_toxic(self.name, toxic_name(stream), kind, stream, attributes)
        if new.enabled:
            server.set_enabled(self.name, True)


def toxic_name(stream: Stream) -> str:
    """The name of the one toxic that may lie on a stream."""
    return f"ringcheck.{stream}"
