"""What stands on a device's label: its claim, either the code alone or all that the QR code says. Pure."""

from urllib.parse import parse_qs

from agent.enrolment.errors import EnrolmentError

_HEAD = "dabyl:claim?"
_LIMIT = 1024
_CODE_LIMIT = 64


class Claim:
    """``code``, and from a QR code also ``name``, ``server`` and ``root`` (SHA-256 of the root certificate), which are None otherwise."""

    name: "str | None" = None
    server: "str | None" = None
    root: "bytes | None" = None

    def __init__(self, text: str) -> None:
        """Read a claim.

        Raises:
            EnrolmentError: it is none.
        """
        text = text.strip()
        if not text.startswith(_HEAD):
            self.code = _checked(text)
            return
        if len(text) > _LIMIT:
            raise EnrolmentError(f"a claim has at most {_LIMIT} characters")
        try:
            found = parse_qs(text[len(_HEAD) :], strict_parsing=True, max_num_fields=4)
            self.code = _checked(found["code"][0])
            self.name = found["name"][0]
            self.server = found["server"][0]
            self.root = bytes.fromhex(found["root"][0])
        except (ValueError, KeyError):
            raise EnrolmentError("the claim is incomplete: scan the label again, or type its code") from None
        if len(self.root) != 32:
            raise EnrolmentError("the claim is incomplete: scan the label again, or type its code")


def _checked(code: str) -> str:
    if not 1 <= len(code) <= _CODE_LIMIT or not code.isascii() or not code.isprintable():
        raise EnrolmentError("that is no claim: it is the code on the label, four groups of four")
    return code
