//! Where the PostgreSQL server programs are, and which user may run them

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Directories that hold one folder per installed version, and the path from there to the programs
const VERSIONED: [(&str, &str, &str); 3] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// The user that runs the server when we are root, which PostgreSQL refuses to run as
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerUser {
    pub uid: u32,
    pub gid: u32,
}

/// Directory that holds both `initdb` and `postgres`: PATH first, else the newest installed version
pub fn find() -> Result<PathBuf> {
    let in_path: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    in_path.into_iter().chain(installed_versions()).find(|directory| holds_server(directory)).ok_or_else(|| {
        Error::target_side("no PostgreSQL server programs (initdb, postgres) found on this machine").hint(
            "install the server, on Debian or Ubuntu with `apt-get install postgresql`, on macOS with `brew install \
             postgresql@17`, or put the directory that holds `initdb` into PATH",
        )
    })
}

/// Whom to run the server as: nobody else, unless we are root
pub fn server_user() -> Result<Option<ServerUser>> {
    // SAFETY: geteuid has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return Ok(None);
    }
    ["postgres", "nobody"].iter().find_map(|name| look_up(name)).map(Some).ok_or_else(|| {
        Error::target_side("cannot run PostgreSQL as root, and there is no user `postgres` or `nobody`")
            .hint("run this command as an ordinary user")
    })
}

fn holds_server(directory: &Path) -> bool {
    directory.is_absolute() && directory.join("initdb").is_file() && directory.join("postgres").is_file()
}

fn installed_versions() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (parent, prefix, suffix) in VERSIONED {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix(prefix)).and_then(version_of);
            if let Some(version) = version {
                found.push((version, entry.path().join(suffix)));
            }
        }
    }
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, directory)| directory).collect()
}

/// `17` or `9.6` as a pair that sorts as versions do
fn version_of(name: &str) -> Option<(u32, u32)> {
    let (major, minor) = name.split_once('.').unwrap_or((name, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn look_up(name: &str) -> Option<ServerUser> {
    let name = CString::new(name).ok()?;
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut buffer = [0 as libc::c_char; 16 * 1024];
    let mut found = std::ptr::null_mut();
    // SAFETY: every pointer is valid for the call, and `buffer.len()` is the buffer's true length.
    let failed =
        unsafe { libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), buffer.as_mut_ptr(), buffer.len(), &mut found) };
    if failed != 0 || found.is_null() {
        return None;
    }
    // SAFETY: a non-null result says that the entry was filled in.
    let entry = unsafe { entry.assume_init() };
    Some(ServerUser { uid: entry.pw_uid, gid: entry.pw_gid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_numbers_not_as_text() {
        assert!(version_of("10") > version_of("9.6"));
        assert!(version_of("17") > version_of("16"));
        assert_eq!(version_of("common"), None);
    }

    #[test]
    fn a_relative_path_entry_is_never_searched() {
        assert!(!holds_server(Path::new("bin")));
    }
}
