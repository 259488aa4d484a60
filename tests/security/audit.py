"""Known vulnerabilities of what is installed: `python -m tests.security.audit` (make audit).

Asks the advisory database of PyPI by `pip-audit`. Exit code 1 when a distribution has an advisory that IGNORED does not answer; 0 with
a line that says so when the database cannot be reached: then nothing was audited, and nothing is claimed.
"""

from __future__ import annotations

import json
import subprocess
import sys

LIMIT_S = 600
IGNORED: dict[str, str] = {}  # advisories that do not concern us, with the reason
UNREACHABLE = (
    "ConnectionError",
    "Max retries exceeded",
    "NameResolution",
    "timed out",
    "Connection refused",
    "ServiceError",
    "HTTPError",
    "ProxyError",
)


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--skip-editable", "--timeout", "20"]
    for advisory in IGNORED:
        command += ["--ignore-vuln", advisory]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        print(f"not audited: no answer from the advisory database within {LIMIT_S} s")
        return 0
    return judge(done.stdout, done.stderr)


def judge(told: str, errors: str) -> int:
    """The exit code for what pip-audit told, which is printed in short."""
    try:
        found = json.loads(told)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (errors.strip().splitlines() or ["pip-audit told nothing"])[-1][:300]
        if any(word in errors for word in UNREACHABLE):
            print(f"not audited: the advisory database cannot be reached ({last})")
            return 0
        print(f"auditing failed: {last}")
        return 1
    risky = [one for one in found if one.get("vulns")]
    skipped = [one["name"] for one in found if "skip_reason" in one]
    if len(skipped) == len(found):
        print(f"not audited: none of {len(found)} distributions is in the database that answered")
        return 0
    for one in risky:
        for flaw in one["vulns"]:
            fixed = ", ".join(flaw.get("fix_versions", ())) or "no version yet"
            print(f"{one['name']} {one['version']}: {flaw['id']}, mended in {fixed}")
    print(f"{len(found)} distributions, {len(risky)} with advisories, {len(skipped)} not in the database ({', '.join(skipped[:5])})")
    return 1 if risky else 0


if __name__ == "__main__":
    sys.exit(main())
