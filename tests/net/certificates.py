"""Certificates of a small authority, as PEM files."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """One authority and the files of what it has issued, in a directory."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self._ca = trustme.CA(organization_name=name)
        self.file = directory / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, *names: str) -> tuple[Path, Path]:
        """Files of a certificate with these names and of its key."""
        issued = self._ca.issue_cert(*names)
        certificate, key = (self._directory / f"{names[0]}-{part}.pem" for part in ("certificate", "key"))
        issued.private_key_pem.write_to_path(str(key))
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(str(certificate), append=number > 0)
        return certificate, key

    def server(self, *names: str) -> ssl.SSLContext:
        """What a server with these names needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(*names))
        return context

    def client(self) -> ssl.SSLContext:
        """What a client that trusts this authority needs."""
        return ssl.create_default_context(cafile=str(self.file))
