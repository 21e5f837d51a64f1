#!/usr/bin/env bash
# Checks what a make target needs, and installs what can be installed without asking anyone: Debian packages where we
# may, Python packages under target/. Everything else is named together with how to get it.
#
# usage: scripts/setup.sh lint|demo|test|bench

set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:?usage: scripts/setup.sh lint|demo|test|bench}
oldest_postgres=15
missing=()

say() { printf 'setup: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
need() { missing+=("$1"); }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_install() {
    have apt-get && { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }
}

# Installs Debian packages. A configuration file that is there already stays as it is.
apt_install() {
    say "installing $* with apt-get"
    as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" >/dev/null
}

install_or_need() { # package, what to say when it cannot be installed
    if ! can_install || ! apt_install "$1"; then need "$2"; fi
}

check_rust() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! have cargo; then
        need "Rust $wanted or newer: see https://rustup.rs, or your distribution's package"
        return
    fi
    found=$(rustc --version | cut -d ' ' -f 2)
    if [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
        need "Rust $wanted or newer (found $found): rustup update stable"
    fi
    have cc || install_or_need gcc "a C compiler, which builds the bundled SQLite (Debian: gcc; macOS: xcode-select --install)"
}

check_lints() {
    cargo fmt --version >/dev/null 2>&1 || need "rustfmt: rustup component add rustfmt"
    cargo clippy --version >/dev/null 2>&1 || need "clippy: rustup component add clippy"
}

# The newest server version among PATH, Debian's and Homebrew's directories; the demo and the tests look there too.
postgres_version() {
    local directory newest=0 found
    for directory in ${PATH//:/ } /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
        [ -x "$directory/initdb" ] && [ -x "$directory/postgres" ] || continue
        found=$("$directory/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
        if [ "$found" -gt "$newest" ]; then newest=$found; fi
    done
    echo "$newest"
}

# The programs only: no server is set up or started beside the throw-away ones.
install_postgres() {
    local conf=/etc/postgresql-common/createcluster.conf
    as_root mkdir -p "$(dirname "$conf")"
    if ! grep -qs '^[[:space:]]*create_main_cluster' "$conf"; then
        echo 'create_main_cluster = false' | as_root tee -a "$conf" >/dev/null
    fi
    apt_install postgresql
}

check_postgres() {
    local hint="PostgreSQL $oldest_postgres or newer, server programs (Debian: apt-get install postgresql; macOS: brew install postgresql@17)"
    if [ "$(postgres_version)" = 0 ] && can_install; then install_postgres || true; fi
    local found
    found=$(postgres_version)
    if [ "$found" = 0 ]; then
        need "$hint"
    elif [ "$found" -lt "$oldest_postgres" ]; then
        need "$hint; found $found"
    fi
}

check_test_tools() {
    have python3 || install_or_need python3 "python3, whose sqlite3 module plays the application in some tests"
    have sqlite3 || install_or_need sqlite3 "the sqlite3 shell (Debian: sqlite3)"
}

# The two applications of tests/it/applications.rs, pinned. Their tests are skipped by name without them, except in CI.
offer_applications() {
    local venv=target/venv-applications wanted=tests/apps/requirements.txt
    if cmp -s "$wanted" "$venv/installed.txt" && "$venv/bin/python" -c '' 2>/dev/null; then return; fi
    say "installing Django, SQLAlchemy and Alembic into $venv"
    rm -rf "$venv"
    # Debian's python3 comes without the module that makes virtual environments.
    python3 -c 'import ensurepip' 2>/dev/null || { can_install && apt_install python3-venv; } || true
    # The mark comes last: an installation that was cut off is begun anew.
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" &&
        cp "$wanted" "$venv/installed.txt"; }; then
        say "they cannot be installed: tests that need them are skipped, and fail in CI"
    fi
}

# What the bench compares with. It runs without them and says which are missing.
offer_peers() {
    if ! have pgloader && { ! can_install || ! apt_install pgloader; }; then
        say "pgloader is not here and cannot be installed: the bench leaves it out"
    fi
    # The extensions come as packages too, since DuckDB's own server is not always within reach; versions must be equal.
    local venv=target/bench-venv version=1.5.5
    if ! "$venv/bin/python" -c 'import duckdb, duckdb_extensions' 2>/dev/null; then
        say "installing duckdb $version into $venv"
        if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check \
            duckdb==$version duckdb-extensions==$version duckdb-extension-sqlite-scanner==$version \
            duckdb-extension-postgres-scanner==$version; }; then
            say "duckdb cannot be installed: the bench leaves it out"
        fi
    fi
}

check_rust
case $purpose in
    lint) check_lints ;;
    demo) check_postgres ;;
    test) check_lints && check_postgres && check_test_tools && offer_applications ;;
    bench) check_postgres && offer_peers ;;
    *) say "unknown purpose: $purpose" && exit 2 ;;
esac

if [ "${#missing[@]}" -gt 0 ]; then
    say "please install first:"
    printf '  - %s\n' "${missing[@]}" >&2
    exit 1
fi
