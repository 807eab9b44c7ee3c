"""The TLS side of listening on TCP."""

from __future__ import annotations

import ssl

from mapsys.http.access import Access


def tls_context(access: Access) -> ssl.SSLContext | None:
    """For a listening socket; None where there is no certificate.

    Raises OSError with a sentence that names the file which cannot be used.
    """
    if access.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(access.certificate, access.key)
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot use certificate {access.certificate} with key {access.key}: {error}",
        ) from error
    if access.client_ca is not None:
        try:
            context.load_verify_locations(access.client_ca)
        except OSError as error:
            raise OSError(
                error.errno, f"cannot use client-ca {access.client_ca}: {error}"
            ) from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context
