"""The pages: each has `draw(client, person)`, which the shell calls."""
