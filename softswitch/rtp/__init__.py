"""RTP (RFC 3550) and telephone-events (RFC 4733) as bytes; standard library only."""
