"""Every error that Tallystick raises on purpose.

    TallystickError
    ├── ConfigError          a setting is missing, unknown or contradicts another
    ├── EnrolmentError       the emitter has no usable identity, key or address
    ├── RecordError          a record cannot be made, or cannot be read back
    │   ├── StatementError   line 1 is not in the profile: a float, a duplicate key, a big integer
    │   └── DisclosureError  a disclosure line is malformed, or line 1 does not bind it
    ├── MaskingError         a value could not be masked, so it is withheld
    ├── SpoolError           the durable file cannot be written, or is not what was written
    │   └── SpoolFullError   the spool holds what its cap allows
    ├── ShipError            records could not be handed to the service
    ├── AdmissionError       the service refuses a record or a request, for a stated reason
    │   ├── AuthenticationError   nobody vouches for the sender
    │   └── AuthorizationError    the sender is known and may not do this
    ├── StoreError           the store cannot keep or find what was asked
    │   └── RollbackError    the log is smaller than one that was shown before
    ├── RefusedError         a `required` tool did not run because it could not be recorded
    └── VerificationError    a proof, signature or column does not hold; all that a verifier raises

A message says what failed, what was expected, what was found and what to do, and never contains
a secret, a token or an unmasked value.
"""


class TallystickError(Exception):
    """The base: catch this to catch everything that Tallystick raises on purpose."""


class ConfigError(TallystickError):
    """A setting is missing, unknown, malformed or contradicts another one."""


class EnrolmentError(TallystickError):
    """The emitter has no usable identity: no key, no token key, or no address to send to."""


class RecordError(TallystickError):
    """A record cannot be made from what was given, or its bytes cannot be read back."""


class StatementError(RecordError):
    """Line 1 is outside the profile: a float, a duplicate key, unsorted keys, a big integer."""


class DisclosureError(RecordError):
    """A disclosure line is malformed, or the statement does not bind its digest."""


class MaskingError(TallystickError):
    """A value could not be masked; the caller withholds the value instead."""


class SpoolError(TallystickError):
    """The spool cannot be written durably, or a frame read back is not what was written."""


class SpoolFullError(SpoolError):
    """The spool holds as many bytes as the setting `spool_max_bytes` allows."""


class ShipError(TallystickError):
    """Records could not be handed over; they stay in the spool."""


class AdmissionError(TallystickError):
    """The service refuses a record or a request, for the reason in the message."""


class AuthenticationError(AdmissionError):
    """Nobody vouches for the sender: no credential, an unknown one, or one that has expired."""


class AuthorizationError(AdmissionError):
    """The sender is known and holds no right to do this."""


class StoreError(TallystickError):
    """The store cannot keep or find what was asked."""


class RollbackError(StoreError):
    """The log is smaller than a checkpoint that was shown before; signing stops."""


class RefusedError(TallystickError):
    """A `required` tool did not run, because its record could not be made durable first."""


class VerificationError(TallystickError):
    """A proof, signature, digest or column does not hold.

    A verifier raises this and nothing else, also when it is fed garbage.
    """
