"""Signatures: what receivers of the Standard Webhooks specification accept, and what they must not."""

from __future__ import annotations

import base64

import pytest

from softswitch.webhook.signature import NotVerified, sign, verify

# The example of the specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = "whsec_" + base64.b64encode(bytes(32)).decode()


def test_the_example_of_the_specification() -> None:
    headers = sign(SECRET, ID, AT, BODY)
    assert headers == {"Webhook-Id": ID, "Webhook-Timestamp": str(AT), "Webhook-Signature": SIGNATURE}
    assert verify(SECRET, headers, BODY, AT + 299.0) == ID


def test_while_a_secret_is_changed_both_sign() -> None:
    headers = sign(f"{OTHER} {SECRET}", ID, AT, BODY)
    assert headers["Webhook-Signature"].split()[1] == SIGNATURE
    for secret in (OTHER, SECRET):
        assert verify(secret, {name.lower(): value for name, value in headers.items()}, BODY, AT) == ID


@pytest.mark.parametrize(
    ("change", "body", "now", "why"),
    [
        ({}, BODY + b" ", AT, "no signature fits"),
        ({"Webhook-Id": "msg_other"}, BODY, AT, "no signature fits"),
        ({"Webhook-Timestamp": str(AT + 1)}, BODY, AT, "no signature fits"),
        ({"Webhook-Timestamp": "-1"}, BODY, AT, "no number"),
        ({"Webhook-Timestamp": "²"}, BODY, AT, "no number"),
        ({"Webhook-Timestamp": "9" * 5000}, BODY, AT, "no number"),
        ({"Webhook-Signature": "v1a," + SIGNATURE[3:]}, BODY, AT, "no signature fits"),
        ({"Webhook-Signature": "v1,ü"}, BODY, AT, "no signature fits"),
        ({"Webhook-Signature": ""}, BODY, AT, "no signature fits"),
        ({}, BODY, AT + 301, "too far from now"),
        ({}, BODY, AT - 301, "too far from now"),
    ],
)
def test_what_is_not_genuine(change: dict[str, str], body: bytes, now: float, why: str) -> None:
    headers = sign(SECRET, ID, AT, BODY) | change
    with pytest.raises(NotVerified, match=why):
        verify(SECRET, headers, body, now)


def test_headers_that_are_missing_and_secrets_that_are_none() -> None:
    with pytest.raises(NotVerified, match="webhook-id is missing"):
        verify(SECRET, {}, BODY, AT)
    with pytest.raises(NotVerified, match="no signature fits"):
        verify(OTHER, sign(SECRET, ID, AT, BODY), BODY, AT)
    with pytest.raises(ValueError, match="no secret"):
        sign("", ID, AT, BODY)
    with pytest.raises(ValueError, match="no base64"):
        sign("whsec_%", ID, AT, BODY)
