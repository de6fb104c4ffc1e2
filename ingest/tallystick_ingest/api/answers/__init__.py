"""What the API answers, as models: they describe (`/api/v1/openapi.json`), and tests hold each answer to them.

No answer is checked at run time: what the store holds was checked when it came in, and shapes.py prints it.
"""
