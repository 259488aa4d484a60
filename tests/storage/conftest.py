"""Fixtures of places in stores, for the tests beside."""

from tests.gcs import gcs_server, gs
from tests.s3 import place, proxy, s3, s3_proxy, s3_server

__all__ = ["gcs_server", "gs", "place", "proxy", "s3", "s3_proxy", "s3_server"]
