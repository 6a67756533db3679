//! How the C library's allocator keeps memory: in few arenas, so that a process is as large as what it holds.

/// Arenas at the most; by default glibc makes eight per core. What was measured, and what not: docs/adr/0006.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: i32 = 2;

/// Limits the arenas; to be called before any thread begins. Elsewhere the allocator is left as it is.
pub(crate) fn keep_few_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(
            unsafe_code,
            reason = "mallopt takes two numbers and no pointer; no other thread is running yet"
        )]
        // SAFETY: as the reason says; a value that the library refuses changes nothing.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        }
    }
}
