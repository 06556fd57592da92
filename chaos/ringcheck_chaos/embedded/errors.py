"""What the API refuses, with Toxiproxy's own words and statuses."""


class ApiError(Exception):
    """A request that is answered by an error; `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def bad_body(reason: str) -> ApiError:
    """The body is not JSON, or not of the right shape."""
    return ApiError(f"bad request body: {reason}", 400)


def missing_field(name: str) -> ApiError:
    """A field without which no proxy can be made."""
    return ApiError(f"missing required field: {name}", 400)


def invalid_stream() -> ApiError:
    """A toxic's stream is neither of the two."""
    return ApiError("stream was invalid, can be either upstream or downstream", 400)


def invalid_type() -> ApiError:
    """No toxic of this type exists."""
    return ApiError("invalid toxic type", 400)


def proxy_not_found() -> ApiError:
    """No proxy of this name exists."""
    return ApiError("proxy not found", 404)


def toxic_not_found() -> ApiError:
    """The proxy has no toxic of this name."""
    return ApiError("toxic not found", 404)


def proxy_exists() -> ApiError:
    """A proxy of this name exists already."""
    return ApiError("proxy already exists", 409)


def toxic_exists() -> ApiError:
    """The proxy has a toxic of this name, in whichever stream."""
    return ApiError("toxic already exists", 409)
