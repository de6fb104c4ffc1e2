"""The transparency log: Merkle tree, proofs, signed notes, checkpoints, seals and tiles.

Pure functions and values: nothing here reads a file, a clock or a socket, and nothing but the
standard library is imported. The offline verifier carries these modules with it, joined into one
file, so every module-level name is unique across the package and whole names are imported.
"""
