"""Settings as they may be shown: without passwords."""

import re


def without_password(url: str) -> str:
    """A URL that may be shown: the password is replaced by ``***``, also in a URL that is not valid."""
    scheme, sign, rest = url.partition("://") if "://" in url else ("", "", url)
    login, at, address = rest.rpartition("@")
    if at:
        user, colon, _ = login.partition(":")
        login = f"{user}:***" if colon else user if sign else "***"
    address = re.sub(r"(?i)([?&][^=&]*(?:pass|secret|token)[^=&]*=)[^&]*", r"\1***", address)
    return f"{scheme}{sign}{login}{at}{address}"
