"""The Membership service: an operator's changes, which the core checks, spreads and answers."""

# ruff: noqa: N802  (names are those of the generated base class)

from typing import Any

import grpc
import grpc.aio

from dynamo_node.v1 import membership_pb2, membership_pb2_grpc
from ringcheck_reference.core.config import Member
from ringcheck_reference.core.effects import ChangeResult
from ringcheck_reference.core.messages import ClientJoin, ClientLeave, ClientRemove
from ringcheck_reference.shell.replies import unless_failed
from ringcheck_reference.shell.runner import Runner

_Context = grpc.aio.ServicerContext[Any, Any]


class MembershipService(membership_pb2_grpc.MembershipServicer):
    """Profile `membership`: each call is a message to the core, and its reply the answer."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def Join(self, request: membership_pb2.JoinRequest, context: _Context) -> membership_pb2.JoinResponse:
        """See membership.proto."""
        member = request.member
        await _expect(context, member.node_id != "", "The member has no node_id; say who joins.")
        await _expect(context, member.weight >= 1, "The member has weight 0; give it at least 1.")
        change = ClientJoin(Member(member.node_id, member.weight, member.host))
        return membership_pb2.JoinResponse(view_digest=await self._view_digest(context, change))

    async def Leave(self, request: membership_pb2.LeaveRequest, context: _Context) -> membership_pb2.LeaveResponse:
        """See membership.proto."""
        await _expect(context, request.node_id != "", "There is no node_id; say who leaves.")
        change = ClientLeave(request.node_id)
        return membership_pb2.LeaveResponse(view_digest=await self._view_digest(context, change))

    async def Remove(self, request: membership_pb2.RemoveRequest, context: _Context) -> membership_pb2.RemoveResponse:
        """See membership.proto."""
        await _expect(context, request.node_id != "", "There is no node_id; say who is removed.")
        change = ClientRemove(request.node_id)
        return membership_pb2.RemoveResponse(view_digest=await self._view_digest(context, change))

    async def _view_digest(self, context: _Context, change: ClientJoin | ClientLeave | ClientRemove) -> bytes:
        """That of the view with the change in it."""
        return (await unless_failed(context, await self._runner.call(change), ChangeResult)).view_digest


async def _expect(context: _Context, condition: bool, sentence: str) -> None:
    if not condition:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, sentence)
