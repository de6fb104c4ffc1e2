"""Records one tool call with the SDK, whatever the version of OpenTelemetry beside it."""

import tallystick

tallystick.instrument()
with tallystick.tool_call("lookup", {"mail": "ada.canary@example.com"}) as call:
    call.result({"found": 1})
tallystick.shutdown()
