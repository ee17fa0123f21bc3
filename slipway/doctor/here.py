"""What a deploy needs on the machine that it is typed on: certificate, address, ledger."""

import os
from datetime import UTC, datetime

import httpx
from cryptography.x509 import load_pem_x509_certificates

from slipway import address, http_client
from slipway.doctor.finding import Finding, good, mend
from slipway.errors import PipelineError
from slipway.operate.targets import haproxy
from slipway.project import Project
from slipway.tracking import ledger

RENEW_DAYS, MLFLOW_SECONDS = 21, 10


def in_workflow() -> bool:
    """Tell whether this machine is a runner, on which nothing is deployed."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def tls(project: Project) -> Finding:
    """Look whether the certificate is valid for a while."""
    if project.certificate is None:
        return good("certificate", "none: callers come with http")
    why, fix = "Callers are refused when it has expired.", f"put the renewed one into {project.certificate}, and deploy"
    try:
        pem = haproxy.read_certificate(project.certificate)
        haproxy.check_certificate(pem, project.certificate)
    except PipelineError as error:
        return mend("certificate", str(error).partition(". ")[0], why, fix)
    days = (load_pem_x509_certificates(pem.encode())[0].not_valid_after_utc - datetime.now(UTC)).days
    return good("certificate", f"{days} days left") if days >= RENEW_DAYS else mend("certificate", f"{days} days left", why, fix)


def own_port(project: Project) -> Finding:
    """Look whether the address on this machine is the service's, or free."""
    served = (project.state / "local" / "current").is_symlink()
    try:
        address.bind(project.host, project.port)
    except OSError as error:
        if not served:
            why = "The first deploy cannot start the service."
            fix = "stop what listens there, or change [deploy] address in project.toml"
            return mend("port", f"{project.address}: {error.strerror}", why, fix)
    return good("port", f"{project.address}, {'the service' if served else 'free'}")


def runs(project: Project) -> Finding:
    """Look whether the runs can be recorded; a rollback does without."""
    uri, why = os.environ.get("MLFLOW_TRACKING_URI", ""), "Runs, verdicts and what serves are not recorded; all else goes on."
    try:
        if not uri.startswith("http"):
            ledger.refuse_folder(project)
            return good("MLflow", uri or "the file mlflow.db")
        http_client.request("GET", f"{uri.rstrip('/')}/health", MLFLOW_SECONDS).raise_for_status()
    except PipelineError as error:
        what, _, fix = str(error).partition(". Next: ")
        return mend("MLflow", what, why, f"{fix}; then ./run track")
    except httpx.HTTPError as error:
        return mend("MLflow", f"{uri}: {error}", why, "start the server, or correct MLFLOW_TRACKING_URI; then ./run track")
    return good("MLflow", f"{uri} answers")
