"""The images that a registry stores: listed and removed by its own API, on ghcr.io removed by GitHub's API for packages."""

import base64
import os
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from slipway import http_client
from slipway.errors import PipelineError
from slipway.operate.retention import Stored
from slipway.serving.manifest import sha256

GHCR = "ghcr.io"
SECONDS, PAGE = 60, 100
# What a registry may answer for a manifest: https://github.com/opencontainers/image-spec, and Docker's own forms from before it.
ACCEPT = ", ".join(
    f"application/vnd.{each}+json"
    for each in (
        *("oci.image.index.v1", "docker.distribution.manifest.list.v2"),
        *("oci.image.manifest.v1", "docker.distribution.manifest.v2"),
    )
)
CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
CREATED = "org.opencontainers.image.created"
# What some registries answer, beside 404, where the API asks for something that they do not have.
UNKNOWN = (httpx.codes.BAD_REQUEST, httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.NOT_ACCEPTABLE)
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class Store(Protocol):
    """Where images are stored. Each method raises PipelineError where that does not answer, or does not allow it."""

    def list_images(self) -> list[Stored]:
        """Return what is stored, lists of images with their parts."""

    def add_images(self, images: list[Stored], digests: Iterable[str]) -> list[Stored]:
        """Return images, and what else is stored under digests, with its parts."""

    def remove_image(self, image: Stored) -> str:
        """Remove an image with all of its tags; returns why it was left, empty where it is gone."""


@contextmanager
def open_store(image_name: str) -> Iterator[Store]:
    """Yield where the images of a name are stored. Raises PipelineError."""
    with open_registry(image_name) as registry:
        if registry.host != GHCR:
            yield registry
            return
        url = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
        with http_client.open_client(url, headers=_build_headers(), timeout=SECONDS, follow_redirects=True) as github:
            yield Packages(registry, github, image_name.partition("/")[2])


@contextmanager
def open_registry(image_name: str, seconds: float = SECONDS) -> Iterator["Registry"]:
    """Yield the registry's own API for the images of a name; each request has so many seconds. Raises PipelineError."""
    host, _, path = image_name.partition("/")
    base = f"{'http' if http_client.is_this_machine(f'http://{host}') else 'https'}://{host}/v2/{path}/"
    settings: dict[str, Any] = {"timeout": seconds, "follow_redirects": True, "headers": {"Accept": ACCEPT}}
    with http_client.open_client(base, auth=Login(host), **settings) as client:
        yield Registry(host, client)


class Login(httpx.Auth):
    """Logs in as Docker's own config says, once a registry wants that: with a token that it names the place for, or the password itself."""

    requires_response_body = True

    def __init__(self, host: str) -> None:
        self.host, self.authorization = host, ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request, and once more where it takes a login. Raises PipelineError."""
        if self.authorization:
            request.headers["Authorization"] = self.authorization
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        challenge = response.headers.get("WWW-Authenticate", "")
        basic, asked = find_login(self.host), dict(CHALLENGE.findall(challenge))
        self.authorization = basic
        if challenge.lower().startswith("bearer") and (realm := asked.pop("realm", "")):
            answer = yield httpx.Request("GET", realm, params=asked, headers={"Authorization": basic} if basic else {})
            found = answer.json() if answer.is_success else {}
            token = found.get("token") or found.get("access_token")
            self.authorization = f"Bearer {token}" if token else ""
        if self.authorization:
            request.headers["Authorization"] = self.authorization
            yield request


def find_login(host: str) -> str:
    """Return the header for a registry, as `docker login` left it; empty where nobody logged in. Raises PipelineError."""
    from docker.auth import load_config  # imported here, as it costs time
    from docker.credentials import StoreError
    from docker.errors import DockerException

    try:
        found = load_config().resolve_authconfig(host) or {}
    except (DockerException, StoreError, OSError, ValueError) as error:
        raise PipelineError(f"The login for {host} in Docker's config cannot be read: {error}. Next: docker login {host}.") from error
    login = {key.lower(): value for key, value in found.items()}
    if not login.get("username"):
        return ""
    return "Basic " + base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()


def _build_headers() -> dict[str, str]:
    token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN")
    if not token:
        raise PipelineError(
            f"GITHUB_TOKEN is not set, and images on {GHCR} are removed by GitHub's API. Expected: a token that may read and delete "
            "packages. Next: run the workflow prune; or gh auth refresh --scopes read:packages,delete:packages, "
            'then GITHUB_TOKEN="$(gh auth token)" ./run prune --dry-run.'
        )
    return {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


class Registry:
    """A registry's own API: https://github.com/opencontainers/distribution-spec/blob/main/spec.md."""

    def __init__(self, host: str, client: httpx.Client) -> None:
        self.host, self.client = host, client

    def list_images(self) -> list[Stored]:
        """Return what has a tag, and the parts of that: the API lists nothing else."""
        found = dict[str, Stored]()
        for tag in self.list_tags():
            if image := self.fetch_image(tag):
                found[image.digest] = add_tag(found.get(image.digest, image), tag)
        return self.add_images(list(found.values()), [part for each in found.values() for part in each.parts])

    def add_images(self, images: list[Stored], digests: Iterable[str]) -> list[Stored]:
        """Return images, and what else is stored under digests, with its parts."""
        found, more = {each.digest: each for each in images}, list(digests)
        while more:
            if (digest := more.pop()) not in found and (image := self.fetch_image(digest)):
                found[digest] = image
                more += image.parts
        return list(found.values())

    def list_tags(self) -> list[str]:
        """Return all tags."""
        tags, following = list[str](), "tags/list"
        while following:
            response = self._request("GET", following)
            tags += (response.json().get("tags") or ()) if response else ()
            link = response.links.get("next", {}).get("url") if response else None
            following = str(response.url.join(link)) if response and link else ""
        return tags

    def fetch_image(self, reference: str, dated: bool = True) -> Stored | None:
        """Return what is stored under a tag or a digest, without its tags, `dated` with its age; None where nothing is."""
        response = self._request("GET", f"manifests/{reference}")
        if response is None:
            return None
        manifest = response.json()
        config = manifest.get("config") or {}
        layers = [*manifest.get("layers", ()), *([config] if config else [])]
        return Stored(
            digest=response.headers.get("Docker-Content-Digest") or f"sha256:{sha256(response.content)}",
            changed=self._read_created(manifest, config) if dated else None,
            parts=tuple(each["digest"] for each in manifest.get("manifests") or ()),
            subject=(manifest.get("subject") or {}).get("digest", ""),
            config=config.get("digest", ""),
            blobs={each["digest"]: each["size"] for each in layers},
        )

    def list_attached(self, digest: str) -> list[dict[str, Any]]:
        """Return how what is attached to an image is described: by the API, or under the tag that clients write where there is none.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
        """
        for path in (f"referrers/{digest}", f"manifests/{digest.replace(':', '-')}"):
            response = self._request("GET", path, unknown=True)
            if found := list[dict[str, Any]]((response.json().get("manifests") or ()) if response else ()):
                return found
        return []

    def fetch_content(self, kind: str, digest: str) -> bytes:
        """Return one of the `manifests` or `blobs`. Raises PipelineError where there is none, or where it is another."""
        response = self._request("GET", f"{kind}/{digest}")
        if response is None or f"sha256:{sha256(response.content)}" != digest:
            raise PipelineError(f"The registry {self.host} lists {digest}, but does not have it. Next: ./run doctor.")
        return response.content

    def _read_created(self, manifest: dict[str, Any], config: dict[str, Any]) -> datetime | None:
        """Return when an image was built. The registry does not say when it was pushed, and `./run push` follows `./run build`."""
        response = self._request("GET", f"blobs/{config['digest']}") if config.get("mediaType") in CONFIGS else None
        texts = [(manifest.get("annotations") or {}).get(CREATED), response.json().get("created") if response else None]
        return max(filter(None, map(parse_time, texts)), default=None)

    def remove_image(self, image: Stored) -> str:
        """Remove a manifest; the registry's own garbage collection then frees the space."""
        self._request("DELETE", f"manifests/{image.digest}")
        return ""

    def _request(self, method: str, path: str, unknown: bool = False) -> httpx.Response | None:
        """Return what the registry answers, None where there is no such thing, `unknown`: not even a way to ask. Raises PipelineError."""
        try:
            response = self.client.request(method, path)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PipelineError(f"The registry {self.host} does not answer: {error!r}. Next: check the network, then try again.") from error
        if response.status_code == httpx.codes.NOT_FOUND or (unknown and response.status_code in UNKNOWN):
            return None
        if response.status_code == httpx.codes.METHOD_NOT_ALLOWED:
            raise PipelineError(
                f"The registry {self.host} does not allow deletion. Next: REGISTRY_STORAGE_DELETE_ENABLED=true, where it is registry:2."
            )
        if not response.is_success:
            raise PipelineError(f"The registry {self.host} refuses {_explain(response)}. Next: docker login {self.host}.")
        return response


class Packages:
    """GitHub's API for packages: https://docs.github.com/en/rest/packages/packages. Manifests are read from the registry, as everywhere."""

    def __init__(self, registry: Registry, client: httpx.Client, path: str) -> None:
        self.registry, self.client = registry, client
        owner, _, name = path.partition("/")
        self.paths = [f"/{kind}/{owner}/packages/container/{quote(name, safe='')}" for kind in ("orgs", "users")]

    def list_images(self) -> list[Stored]:
        """Return all versions, those without a tag too. Raises PipelineError where one cannot be read, as its parts are unknown then."""
        found = {each["name"]: self._read_version(each) for each in self._list_versions()}
        listed = {tag for each in found.values() for tag in each.tags}
        # Pushed or moved since, or on the edge of a page while another was removed.
        for tag in [each for each in self.registry.list_tags() if each not in listed]:
            if image := self.registry.fetch_image(tag, dated=False):
                found[image.digest] = add_tag(found.get(image.digest, image), tag)
        return list(found.values())

    def _list_versions(self) -> Iterator[dict[str, Any]]:
        number = 1
        while True:
            versions = self._request("GET", f"{self.package}/versions?per_page={PAGE}&page={number}").json()
            yield from versions
            if len(versions) < PAGE:
                return
            number += 1

    @cached_property
    def package(self) -> str:
        """The path of the package, which an organisation has, or a person. Raises PipelineError."""
        for each in self.paths:
            if self._request("GET", each, missing=True).is_success:
                return each
        raise PipelineError(
            f"GitHub shows no package {self.paths[0].rpartition('/')[2]}: nothing was pushed, or the token may not read it. "
            "Next: ./run doctor."
        )

    def _read_version(self, version: dict[str, Any]) -> Stored:
        image = self.registry.fetch_image(version["name"], dated=False)
        if image is None:
            raise PipelineError(f"GitHub lists {version['name']}, but its registry does not have it. Next: docker login {GHCR}; try again.")
        tags = tuple(version["metadata"]["container"]["tags"])
        return replace(image, tags=tags, changed=parse_time(version.get("updated_at") or version["created_at"]), version=version["id"])

    def add_images(self, images: list[Stored], digests: Iterable[str]) -> list[Stored]:
        """Return images, and what else is stored under digests, with its parts."""
        return self.registry.add_images(images, digests)

    def remove_image(self, image: Stored) -> str:
        """Remove a version. GitHub refuses some, such as public ones that were downloaded more than 5,000 times."""
        if image.version is None:
            return "it was not in GitHub's list yet"
        response = self._request("DELETE", f"{self.package}/versions/{image.version}", missing=True)
        return str(response.json().get("message")) if response.status_code == httpx.codes.BAD_REQUEST else ""

    def _request(self, method: str, path: str, missing: bool = False) -> httpx.Response:
        """Return what GitHub answers; `missing`: also that there is no such thing, or that it may not be. Raises PipelineError."""
        try:
            response = self.client.request(method, path)
        except httpx.HTTPError as error:
            raise PipelineError(f"GitHub's API does not answer: {error!r}. Next: try again later.") from error
        if response.is_success or (missing and response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST)):
            return response
        raise PipelineError(
            f"GitHub's API rejects {_explain(response)}. Expected: a token that may delete packages; in a workflow packages: write, "
            "and the role Admin for the repository in the package's settings. Next: ./run doctor."
        )


def _explain(response: httpx.Response) -> str:
    return f"{response.request.method} {response.request.url.path}: {response.status_code}, {response.text.strip()[:200]}"


def add_tag(image: Stored, tag: str) -> Stored:
    """Return an image with one more tag."""
    return replace(image, tags=(*image.tags, tag))


def parse_time(text: str | None) -> datetime | None:
    """Return a time, None where there is none: reproducible builds write one that is long ago in its place."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if found.year > 2000 else None
