"""Push: store the built release where deploys find it: the registry, or for `local` a folder of this machine."""

import json

from slipway import git
from slipway.bundle.assembly import check_bundle
from slipway.errors import PipelineError
from slipway.gate import verdict
from slipway.operate import signature, targets
from slipway.project import Project
from slipway.say import line, output, summary
from slipway.tracking import ledger


def push(project: Project) -> str:
    """Push the release of the commit that is checked out and return its digest. Raises PipelineError."""
    git.refuse_changes(project.root, "push")
    manifest = check_bundle(project)
    judged = verdict.read_passed(project)
    if judged.image is None or not project.release.is_dir():
        raise PipelineError("There is no release to push. Next: ./run build.")
    digest = targets.load_target(project).push_release(manifest.commit)
    note = {"commit": manifest.commit, "digest": digest, "repository": project.image_name}
    (project.root / "build" / "release.json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    ledger.record_digest(project, digest)
    output("image", project.image_name)
    output("digest", digest)
    output("signs", str(signature.read_signers(project.root) is not None).lower())
    output("staging", str(project.has_staging).lower())
    following = f"Deploy it:\n\n    git tag v1.2.3 {manifest.commit[:12]}\n    git push origin v1.2.3"
    line(f"pushed {manifest.commit[:12]} as {digest}\n{following}")
    summary(f"Pushed `{digest}`. {following}")
    return digest
