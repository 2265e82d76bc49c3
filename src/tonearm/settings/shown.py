"""Settings and texts as they may be shown: without passwords."""

import re

_IN_QUERY = re.compile(r"""(?i)([?&][^=&\s]*(?:pass|secret|token|key)[^=&\s]*=)[^&\s"')]*""")
_IN_LOGIN = re.compile(r"://([^\s/:@]*):[^\s/@]+@")


def without_password(url: str) -> str:
    """A URL that may be shown: the password is replaced by ``***``, also in a URL that is not valid."""
    scheme, sign, rest = url.partition("://") if "://" in url else ("", "", url)
    login, at, address = rest.rpartition("@")
    if at:
        user, colon, _ = login.partition(":")
        login = f"{user}:***" if colon else user if sign else "***"
    address = _IN_QUERY.sub(r"\1***", address)
    return f"{scheme}{sign}{login}{at}{address}"


def without_passwords(text: str) -> str:
    """A text of a library that may be shown: the passwords of the URLs in it are replaced by ``***``."""
    return _IN_QUERY.sub(r"\1***", _IN_LOGIN.sub(r"://\1:***@", text))
