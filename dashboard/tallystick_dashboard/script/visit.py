"""What Streamlit runs for each visitor.

It stands alone: Streamlit takes a `pages` folder beside its script for pages of its own making, and
would run them past the shell.
"""

from tallystick_dashboard.app import main

main()
