"""How hypothesis runs here: no deadline for one example, since other work shares the machine."""

from hypothesis import settings

settings.register_profile("shared-machine", deadline=None, print_blob=True)
settings.load_profile("shared-machine")
