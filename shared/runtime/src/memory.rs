//! How the C library's allocator keeps memory: few arenas, and what is large goes back at once, so that a process is as
//! large as what it holds (docs/adr/0006).

/// The settings: arenas; from which size a block is mapped by itself and returned when freed; how much may lie free at
/// the top of an arena. Sizes in bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(libc::c_int, libc::c_int); 3] = [
    (libc::M_ARENA_MAX, 2),
    (libc::M_MMAP_THRESHOLD, 256 * 1024),
    (libc::M_TRIM_THRESHOLD, 1024 * 1024),
];

/// Sets them; to be called before any thread begins. Elsewhere the allocator is left as it is.
pub(crate) fn keep_little() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (setting, value) in SETTINGS {
        #[expect(
            unsafe_code,
            reason = "mallopt takes two numbers and no pointer; no other thread is running yet"
        )]
        // SAFETY: as the reason says; a value that the library refuses changes nothing.
        unsafe {
            libc::mallopt(setting, value);
        }
    }
}
