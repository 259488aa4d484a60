"""Secrets are taken out of what is told; what is no secret stays."""

from __future__ import annotations

from schemas.redaction import is_credential, redacted, secrets


def test_credentials_in_urls_are_taken_out_whoever_they_are_of() -> None:
    assert redacted("reading s3://key:word@host/a and s3://bucket/a@b", ()) == "reading s3://***@host/a and s3://bucket/a@b"
    signed = "https://h/o?X-Amz-Credential=AK%2F1&X-Amz-Signature=00ff&x=1"
    assert redacted(signed, ()) == "https://h/o?X-Amz-Credential=***&X-Amz-Signature=***&x=1"
    assert redacted("split 12 of tokens=5: token counts", ()) == "split 12 of tokens=5: token counts"


def test_which_variables_are_credentials() -> None:
    ours = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_CONNECTION_STRING", "HF_TOKEN")
    assert [name for name in ours if not is_credential(name)] == []
    plain = (
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
        "HOME",
        "PATH",
        "KEYBOARD_LAYOUT",
        "OMP_NUM_THREADS",
        "FSSPEC_S3_ENDPOINT_URL",
    )
    assert [name for name in plain if is_credential(name)] == []


def test_places_and_short_values_are_not_blotted_out() -> None:
    assert secrets({"HF_TOKEN_PATH": "/home/me/token", "API_KEY": "x", "MY_TOKEN": "sixsix"}) == ("sixsix",)
