"""SIP (RFC 3261): messages, URIs, framing, digest, transactions, dialogs, sessions; standard library only."""
