"""Retention, holds and deletion: what may go, who said so, and the proof that nothing else went."""
