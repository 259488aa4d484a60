"""`ray start` for a loaded machine: `python start_node.py start ...` starts a node; with `agent FILE ...` it becomes that agent of a node.

A raylet ends when its agents have not told their ports within 15 s, and an agent has to be imported first. Here the ports are
told before that, those of the command line or free ones; the agents are Ray's own. A head without `--include-dashboard=true` has no server for it, no autoscaler and none for clients of other machines.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

PORTS = {
    "grpc-port": "metrics_agent_port",
    "metrics-export-port": "metrics_export_port",
    "listen-port": "dashboard_agent_listen_port",
    "runtime-env-agent-port": "runtime_env_agent_port",
}


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def tell_ports(arguments: list[str]) -> list[str]:
    """Writes the files in which a node's agents tell their ports, and gives the arguments with them."""
    said = dict(argument.removeprefix("--").split("=", 1) for argument in arguments if argument.startswith("--") and "=" in argument)
    for option, name in PORTS.items():
        if option in said:
            if said[option] in ("0", "None"):
                said[option] = str(free_port(said["node-ip-address"]))
            file = Path(said["session-dir"], f"{name}_{said['node-id']}")
            beside = file.with_name(f".{file.name}")
            beside.write_text(said[option])
            beside.rename(file)
    return [
        f"--{word}={said[word]}" if (word := argument.removeprefix("--").partition("=")[0]) in PORTS else argument for argument in arguments
    ]


def tell_ports_early() -> None:
    """Makes every node that this process starts from now on tell its ports before its agents are imported."""
    from ray._private import services

    build = services._build_python_executable_command_memory_profileable
    agents = ("dashboard_agent", "runtime_env_agent")

    def build_command(component: str, session_dir: str, unbuffered: bool = True) -> list[str]:
        command = build(component, session_dir, unbuffered)
        return [sys.executable, __file__, "agent"] if component in agents else command

    services._build_python_executable_command_memory_profileable = build_command


def start() -> None:
    from ray._private import node
    from ray.scripts.scripts import main

    tell_ports_early()
    if "--include-dashboard=true" not in sys.argv:
        for part in ("start_api_server", "start_monitor", "start_ray_client_server"):
            setattr(node.Node, part, lambda *_, **__: None)
    main()


if __name__ == "__main__":
    if sys.argv[1] == "agent":
        os.execv(sys.executable, [sys.executable, "-u", sys.argv[2], *tell_ports(sys.argv[3:])])
    start()
