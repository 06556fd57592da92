"""From the core's replies to gRPC's: an answer of the kind that the call has, or its code and sentence."""

from typing import Any, Final, TypeVar

import grpc
import grpc.aio

from ringcheck_reference.core.effects import ChangeResult, DeleteResult, Failure, GetResult, PutResult, Result

_Answer = TypeVar("_Answer", GetResult, PutResult, DeleteResult, ChangeResult)
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


async def unless_failed(context: grpc.aio.ServicerContext[Any, Any], result: Result, kind: type[_Answer]) -> _Answer:
    """The core's reply, of the kind that the call has; a Failure ends the call."""
    if isinstance(result, Failure):
        await context.abort(_CODES[result.code], result.message)
    if not isinstance(result, kind):
        raise TypeError(f"the core replied {type(result).__name__} instead of {kind.__name__}")
    return result
