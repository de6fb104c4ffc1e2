"""The overview: integrity first, then what happened in a period."""

from tallystick_dashboard.client import Client, Person


def draw(client: Client, _person: Person) -> None:
    """Draw the page."""
    client.overview("7d")
