"""Records one tool call with the SDK, of whatever version OpenTelemetry is beside it."""

import tallystick

tallystick.instrument(frameworks=())
with tallystick.tool_call("lookup", {"mail": "ada.canary@example.com"}) as call:
    call.result({"found": 1})
tallystick.shutdown(60)
