//! The clock, the random numbers and the waiting of a simulated thread, in place of the operating system's.
//!
//! The product reads the time through `jiff`, `std` and `tokio`, and random numbers through `rand` and the hash maps of `std`. All of
//! them end in two functions of libc, and a runtime of `tokio` without anything to do waits in a third. This test program defines the
//! three itself. On a simulated thread, waiting takes no time: the clock jumps to when the wait would be over. Other threads get what
//! the kernel says.
//!
//! `tokio` has a paused clock of its own, which is a feature that would be compiled into every program of the workspace, and which
//! the wall clock does not follow.

#![allow(unsafe_code, reason = "three functions of libc have no safe signature")]

use std::cell::Cell;
use std::time::Duration;

use crate::chance::Chance;

/// When every simulation begins, in seconds since 1970: 2027-01-15.
const BEGINNING: i64 = 1_800_000_000;

thread_local! {
    /// How much time has passed.
    static PASSED: Cell<Option<Duration>> = const { Cell::new(None) };
    static RANDOM: Cell<Option<Chance>> = const { Cell::new(None) };
}

/// Makes this a simulated thread, whose random numbers follow from a seed.
pub fn simulate(seed: u64) {
    PASSED.set(Some(Duration::ZERO));
    RANDOM.set(Some(Chance::new(seed)));
    // The generator of the AWS SDK is seeded by more than the operating system.
    fastrand::seed(seed);
}

/// How much time has passed on this thread.
pub fn passed() -> Duration {
    PASSED.get().unwrap_or_default()
}

/// <https://man7.org/linux/man-pages/man3/clock_gettime.3.html>
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> libc::c_int {
    let Some(passed) = PASSED.try_with(Cell::get).ok().flatten() else {
        // SAFETY: the arguments are the caller's, and the call is the one that they were for.
        let result = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
        return libc::c_int::try_from(result).unwrap_or(-1);
    };
    // SAFETY: the caller passes a place for the time.
    unsafe {
        (*time).tv_sec = BEGINNING + i64::try_from(passed.as_secs()).unwrap_or(0);
        (*time).tv_nsec = passed.subsec_nanos().into();
    }
    0
}

/// <https://man7.org/linux/man-pages/man2/getrandom.2.html>
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, flags: libc::c_uint) -> isize {
    let Some(mut chance) = RANDOM.try_with(Cell::get).ok().flatten() else {
        // SAFETY: the arguments are the caller's, and the call is the one that they were for.
        let result = unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) };
        return isize::try_from(result).unwrap_or(-1);
    };
    for at in 0..length {
        let [byte, ..] = chance.next().to_le_bytes();
        // SAFETY: the caller passes a buffer of this length.
        unsafe { *buffer.add(at) = byte };
    }
    RANDOM.set(Some(chance));
    isize::try_from(length).unwrap_or(-1)
}

/// <https://man7.org/linux/man-pages/man2/epoll_wait.2.html>
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(
    epoll: libc::c_int,
    events: *mut libc::epoll_event,
    most: libc::c_int,
    timeout: libc::c_int,
) -> libc::c_int {
    let simulated = PASSED.try_with(Cell::get).ok().flatten();
    let wait = if simulated.is_some() { 0 } else { timeout };
    // SAFETY: the arguments are the caller's. Without a mask of signals, this is the same call.
    let ready = unsafe { libc::epoll_pwait(epoll, events, most, wait, std::ptr::null()) };
    if let Some(passed) = simulated
        && ready == 0
    {
        // A wait without an end would be one for nothing: no other thread takes part.
        let timeout = u64::try_from(timeout).expect("something is left to happen");
        PASSED.set(Some(passed + Duration::from_millis(timeout)));
    }
    ready
}
