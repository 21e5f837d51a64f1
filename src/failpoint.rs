//! Named points at which the crash tests kill the process
//!
//! `CROSSFADE_FAILPOINT=name[:n]` makes the process kill itself with SIGKILL when it reaches the point for the n-th
//! time. `CROSSFADE_ROW_BYTES` lowers the limit of a row, which real rows would need gigabytes to reach, and
//! `CROSSFADE_FREE_BYTES` says how much room a disk has, and `CROSSFADE_CHANGED_KEYS`
//! how many changed keys are compared at once. Without the cargo
//! feature `failpoints` all of this compiles to nothing.

use std::future::Future;

/// Dies here if the environment says so
#[cfg(feature = "failpoints")]
pub fn hit(name: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static REACHED: AtomicU64 = AtomicU64::new(0);
    if wanted(name).is_some_and(|at| REACHED.fetch_add(1, Ordering::SeqCst) + 1 == at) {
        die();
    }
}

/// Dies here if the environment says so
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_name: &str) {}

/// The limit of a row, unless the environment says another one
#[cfg(feature = "failpoints")]
pub fn row_bytes(limit: usize) -> usize {
    use std::sync::OnceLock;
    static OTHER: OnceLock<Option<usize>> = OnceLock::new();
    OTHER.get_or_init(|| std::env::var("CROSSFADE_ROW_BYTES").ok()?.parse().ok()).unwrap_or(limit)
}

/// The limit of a row
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn row_bytes(limit: usize) -> usize {
    limit
}

/// The room on a disk, unless the environment says another one
#[cfg(feature = "failpoints")]
pub fn free_bytes(found: u64) -> u64 {
    std::env::var("CROSSFADE_FREE_BYTES").ok().and_then(|text| text.parse().ok()).unwrap_or(found)
}

/// The room on a disk
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn free_bytes(found: u64) -> u64 {
    found
}

/// How many changed keys are compared at once
#[cfg(feature = "failpoints")]
pub fn changed_keys(limit: usize) -> usize {
    std::env::var("CROSSFADE_CHANGED_KEYS").ok().and_then(|text| text.parse().ok()).unwrap_or(limit)
}

/// How many changed keys are compared at once
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn changed_keys(limit: usize) -> usize {
    limit
}

/// Runs `work`; if the environment says so, dies when the server must have received it but before its reply is read
#[cfg(feature = "failpoints")]
pub async fn hit_after_sending<F: Future>(name: &str, work: F) -> F::Output {
    if wanted(name).is_none() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    // The first poll hands the message to the connection's task; the pause lets that task write it and the server act.
    let first = std::future::poll_fn(|context| std::task::Poll::Ready(work.as_mut().poll(context))).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    hit(name);
    match first {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => work.await,
    }
}

/// Runs `work`
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub async fn hit_after_sending<F: Future>(_name: &str, work: F) -> F::Output {
    work.await
}

#[cfg(feature = "failpoints")]
fn wanted(name: &str) -> Option<u64> {
    let setting = std::env::var("CROSSFADE_FAILPOINT").ok()?;
    let (wanted, at) = setting.split_once(':').unwrap_or((&setting, "1"));
    (wanted == name).then(|| at.parse().unwrap_or(1))
}

#[cfg(feature = "failpoints")]
fn die() -> ! {
    // SAFETY: plain system calls without pointers.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
    }
    unreachable!("SIGKILL cannot be handled")
}
