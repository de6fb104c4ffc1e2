"""The verifier: numbered steps over an evidence package, a data directory or a running service.

    report = verify(source, policy)      tallystick.verify.verifier
    source = PackageSource("audit.zip")  tallystick.verify.package

Standard library alone; orjson and cryptography are used where they are installed. All but the
modules that reach beyond a package are joined into the single file `verify.py` (see bundle.py),
so every module-level name is unique across the package and whole names are imported.
"""
