"""How long a test waits for what has to come: far longer than it takes, since other work shares the machine.

Nothing is proven by this time. It only says when to give up: a little before the run's own limit for a test.
"""

from typing import Final

PATIENCE_S: Final = 600
