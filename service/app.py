"""The HTTP app. Routes, middleware or authentication of your own go here; they are part of the release."""

from fastapi import FastAPI

from slipway.serving.app import create_app


def create() -> FastAPI:
    """Return the app for the release in `RELEASE_DIR`."""
    return create_app()
