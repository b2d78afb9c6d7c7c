"""Why an enrolment is refused. Every error derives from `EnrolmentError`; its text is what the device's installer reads."""


class EnrolmentError(Exception):
    """Root of all refusals. ``status`` is the HTTP status that says it."""

    status = 400


class BadRequestError(EnrolmentError):
    """The request is malformed, or for a key or name that is not allowed."""


class NotAllowedError(EnrolmentError):
    """Who asks has no right to it: claim or certificate are wrong, used, expired or revoked."""

    status = 403


class AnonymousError(EnrolmentError):
    """Nobody said who asks."""

    status = 401


class TooOftenError(EnrolmentError):
    """Too many attempts. ``wait_s`` says when to come back."""

    status = 429

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many attempts: try again in {wait_s} s")
        self.wait_s = wait_s


class OutOfOrderError(EnrolmentError):
    """The office itself cannot work: its clock, its disk, its key."""

    status = 503
