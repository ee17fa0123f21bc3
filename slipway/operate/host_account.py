"""The line for `authorized_keys` on the host: its key reaches the engine, and nothing else."""

import os

from slipway.operate import ssh
from slipway.project import Project
from slipway.say import line

COMMAND = "docker system dial-stdio"
# No terminal, no forwarding of ports, sockets, agents or X11, and no file that a session would run.
LINE = 'restrict,command="{command}" ssh-ed25519 AAAA... deploy'


def host_account(project: Project) -> None:  # noqa: ARG001  # as each verb
    """Print what to put in front of the key of deploys on the host, and what that leaves it."""
    host = os.environ.get("DOCKER_HOST", "")
    remote = ssh.find_tunnel(host).remote if host.startswith("ssh:") else ssh.ENGINE
    command = COMMAND if remote == ssh.ENGINE else COMMAND.replace("docker", f"docker -H unix://{remote}")
    line(LINE.format(command=command))
    line(
        "\nOn the host, in ~/.ssh/authorized_keys of the user that deploys, put the text before ssh-ed25519 in front of the key. The key "
        "then opens the engine, but no shell and no forwarding. The engine is still root on the host; a rootless engine has the rights "
        "of its user. Next: ./run status, from here."
    )
