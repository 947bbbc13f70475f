"""Greets, says what it was asked for, and adds up the numbers that are posted to it."""

import json
import os

from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports.types import (
    Fields,
    IncomingRequest,
    Method_Get,
    Method_Post,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)
from wit_world.imports.streams import StreamError_Closed
from componentize_py_types import Err

# One read or write moves at most so many bytes; the interface allows no more for a write.
PIECE = 4096


class IncomingHandler(exports.IncomingHandler):
    """What the world in wit/ wants exported; componentize-py finds it by its name."""

    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        status, answer = reply(request)
        body = (json.dumps(answer) + "\n").encode()
        response = OutgoingResponse(Fields.from_list([("content-type", b"application/json")]))
        response.set_status_code(status)
        outgoing = response.body()
        ResponseOutparam.set(response_out, Ok(response))
        with outgoing.write() as stream:
            for start in range(0, len(body), PIECE):
                stream.blocking_write_and_flush(body[start : start + PIECE])
        OutgoingBody.finish(outgoing, None)


def reply(request: IncomingRequest) -> tuple[int, object]:
    """The status and the JSON of the answer."""
    path = request.path_with_query() or "/"
    match request.method():
        case Method_Get():
            return 200, {"message": f"{os.environ.get('GREETING', 'hello')} from Python", "path": path}
        case Method_Post():
            try:
                return 200, {"sum": sum(json.loads(read(request)))}
            except (ValueError, TypeError) as problem:
                return 400, {"error": f"not a JSON list of numbers: {problem}"}
        case _:
            return 405, {"error": "GET or POST"}


def read(request: IncomingRequest) -> bytes:
    """The whole body of the request."""
    whole = bytearray()
    with request.consume() as body, body.stream() as stream:
        while True:
            try:
                whole += stream.blocking_read(PIECE)
            except Err as end:
                if isinstance(end.value, StreamError_Closed):
                    return bytes(whole)
                raise
