"""The entry points of `opentelemetry-instrument`: one for each framework, so that each can be disabled."""

from typing import ClassVar

from tallystick import runtime
from tallystick.config import load_config
from tallystick.instrument import chosen, install, uninstall


class Instrumentor:
    """Found by name, it is made without arguments and told to instrument."""

    framework: ClassVar[str]
    """The name of the framework in the setting `frameworks`."""

    def instrument(self, **_options: object) -> None:
        """Start recording, with the settings of the environment, and hook the framework if they choose it.

        Raises ConfigError for a setting that does not fit: `opentelemetry-instrument` logs it, the program runs.
        """
        config = load_config()
        if not config.disabled and self.framework in chosen(config.frameworks):
            runtime.start(config)
            install((self.framework,))

    def uninstrument(self, **_options: object) -> None:
        """Take the hooks of the framework out again."""
        uninstall((self.framework,))
