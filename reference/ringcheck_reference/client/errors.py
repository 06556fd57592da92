"""How a request can fail, told by what is known of its effect.

ClientError
├── UnreachableError   no node could be connected to: nothing was sent
├── RefusedError       a node said no: nothing of it takes effect
└── IndefiniteError    a write that was sent, once, and may or may not take effect; a read without an answer
"""

import grpc


class ClientError(Exception):
    """A request was not answered OK."""


class UnreachableError(ClientError):
    """No node could be connected to, so nothing was sent."""


class RefusedError(ClientError):
    """A node refused the request, which never takes effect."""

    def __init__(self, node: str, code: grpc.StatusCode, message: str) -> None:
        super().__init__(f"{node} refuses ({code.name}): {message}")
        self.code = code


class IndefiniteError(ClientError):
    """A write that may yet take effect, or a read that nobody answered."""

    def __init__(self, node: str, code: grpc.StatusCode, message: str) -> None:
        super().__init__(f"{node} gave no answer that counts ({code.name}): {message}")
        self.code = code
