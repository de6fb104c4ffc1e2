"""The page behind the one-time admin link: it posts the token and says whether that worked.

One file, no other address asked; the content security policy names its script and style by hash.
"""

import base64
import hashlib
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 12vh auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; }
button { font: inherit; padding: .5rem 1.2rem; }
code { font-size: .95em; overflow-wrap: anywhere; }
"""
_SCRIPT: Final = """
const token = location.hash.slice(1);
const say = (text) => { document.getElementById("said").textContent = text; };
const button = document.getElementById("claim");
history.replaceState(null, "", location.pathname);
if (!token) {
  button.hidden = true;
  say("This link carries no token. Print a new one with: tallystick up --admin-link");
}
button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const answer = await fetch("/admin/claim", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    });
    const body = await answer.json();
    if (!answer.ok) { say(body.error); return; }
    button.hidden = true;
    say("You are signed in as " + body.role + " of " + body.tenant + " in this browser.");
    document.getElementById("next").hidden = false;
  } catch (fault) {
    button.disabled = false;
    say("The service does not answer. Is `tallystick up` still running?");
  }
});
"""
_BODY: Final = """
<h1>Tallystick: administrator</h1>
<p id="said">This link signs you in once. It cannot be used again.</p>
<p><button id="claim" type="button">Sign in</button></p>
<p id="next" hidden>The state of the service is at <a href="/api/v1/status"><code>/api/v1/status</code></a>,
the API keys are at <a href="/api/v1/keys"><code>/api/v1/keys</code></a>.</p>
"""


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


PAGE: Final = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width">\n<title>Tallystick: administrator</title>\n'
    f"<style>{_STYLE}</style>\n</head>\n<body>{_BODY}<script>{_SCRIPT}</script>\n</body>\n</html>\n"
)
PAGE_HEADERS: Final = {
    "content-security-policy": (
        f"default-src 'none'; script-src 'sha256-{_digest(_SCRIPT)}'; "
        f"style-src 'sha256-{_digest(_STYLE)}'; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}
