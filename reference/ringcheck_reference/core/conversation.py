"""The frame of a conversation: a small object that asks, waits and is told what came of it."""

from .messages import AnswerBody, NodeId


class Conversation:
    """One read, one write, one exchange. The desk calls these until the conversation is closed."""

    closed = False
    lasts = False
    """Whether it is a round that goes on as long as the node: a mistake in it costs one turn, not all that follow."""

    def start(self) -> None:
        """Do what comes first."""

    def on_answer(self, request: int, sender: NodeId, body: AnswerBody) -> None:
        """`sender` answered; a Refusal is an answer too."""

    def on_failure(self, request: int, to: NodeId, sent: bool) -> None:
        """No answer will come; unless `sent`, the request certainly never left this node."""

    def on_persisted(self, token: int, *, durable: bool) -> None:
        """The disk has answered for `token`."""

    def on_view(self) -> None:
        """Another view is in force, which the conversation asked to be told of."""

    def on_time(self) -> None:
        """A moment that the conversation asked to be woken at has come."""

    def on_mistake(self) -> None:
        """One of the above has raised: whoever waits for this conversation is told, and it ends, unless it lasts."""
        if not self.lasts:
            self.close()

    def close(self) -> None:
        """Nothing that still comes matters."""
        self.closed = True


class Patience:
    """How long to wait while nothing moves; `length` in seconds."""

    def __init__(self, now: float, length: float) -> None:
        self._length = length
        self.ends = now + length

    def renew(self, now: float) -> None:
        """Something moved."""
        self.ends = now + self._length

    def is_over(self, now: float) -> bool:
        """Whether nothing has moved for too long."""
        return now >= self.ends
