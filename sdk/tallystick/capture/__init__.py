"""One call as the hooks see it: who acts, which tool, who allowed it, and how it ended."""
