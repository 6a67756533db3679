//! How memory is kept on Linux: in few arenas, and large blocks by themselves, so that a process is as large as what it
//! uses. What was measured, and why the C library's own settings are not enough: docs/adr/0006.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

/// The C library's settings: arenas at the most (by default eight per core); from which size a block is mapped by itself
/// (SQLite's and zstd's; ours are below); how much may lie free at the end of an arena. Sizes in bytes.
const SETTINGS: [(libc::c_int, libc::c_int); 3] = [
    (libc::M_ARENA_MAX, 2),
    (libc::M_MMAP_THRESHOLD, 256 * 1024),
    (libc::M_TRIM_THRESHOLD, 1024 * 1024),
];

/// Blocks of this size and more are mapped by themselves: what of them is never written is never resident, and all of
/// them goes back when they are freed. Every HTTP/2 connection has a buffer of just this size, nearly always empty.
const MAPPED_BYTES: usize = 16 * 1024;
/// The smallest page of any machine: mappings begin at a multiple of it.
const PAGE_BYTES: usize = 4 * 1024;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// The system's allocator, but for large blocks.
struct Allocator;

/// Sets the C library's; to be called before any thread begins.
pub(crate) fn keep_little() {
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

/// Whose a block is follows from its layout alone, so freeing it needs no mark.
fn is_mapped(layout: Layout) -> bool {
    layout.size() >= MAPPED_BYTES && layout.align() <= PAGE_BYTES
}

#[expect(
    unsafe_code,
    reason = "an allocator hands out memory; there is no safe way to say so"
)]
// SAFETY: a block is either the system allocator's, with the caller's layout passed on as it is, or a private mapping of
// at least its size, which is zeroed, aligned to a page, disjoint from all others, and unmapped by its own size only (the
// kernel rounds that up to pages, as it did when it mapped it). Nothing here allocates or panics.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_mapped(layout) {
            return map(layout.size());
        }
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_mapped(layout) {
            return map(layout.size());
        }
        // SAFETY: the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_mapped(layout) {
            // SAFETY: `block` is a mapping of this size, and the caller's last use of it.
            unsafe { libc::munmap(block.cast(), layout.size()) };
        } else {
            // SAFETY: the same as above.
            unsafe { System.dealloc(block, layout) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's contract: the size is not zero and, rounded up to the alignment, not too large.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_mapped(layout), is_mapped(new)) {
            // SAFETY: the same as above.
            (false, false) => unsafe { System.realloc(block, layout, size) },
            (true, true) => {
                // SAFETY: `block` is a mapping of the old size; where it moves to, nothing else is.
                let moved = unsafe { libc::mremap(block.cast(), layout.size(), size, libc::MREMAP_MAYMOVE) };
                block_of(moved)
            }
            // SAFETY: the new block is disjoint from the old one, and both hold the smaller size.
            _ => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(block, moved, size.min(layout.size()));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

fn map(size: usize) -> *mut u8 {
    let (rights, kind) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    #[expect(unsafe_code, reason = "a new mapping touches no memory that is in use")]
    // SAFETY: as the reason says; no address and no file is given.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), size, rights, kind, -1, 0) };
    block_of(mapped)
}

/// Null, which callers treat as out of memory, when the kernel has refused.
fn block_of(mapped: *mut libc::c_void) -> *mut u8 {
    if mapped == libc::MAP_FAILED {
        ptr::null_mut()
    } else {
        mapped.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: usize = 100;

    fn grown_and_shrunk(sizes: &[usize]) -> Vec<u8> {
        let mut block = Vec::new();
        for &size in sizes {
            let kept = size.min(block.len());
            block.truncate(kept);
            block.shrink_to(size);
            block.reserve_exact(size - kept);
            block.extend((kept..size).map(|at| (at % 251) as u8));
        }
        block
    }

    #[test]
    fn blocks_keep_their_bytes_whichever_way_they_grow_and_shrink() {
        let large = MAPPED_BYTES;
        for sizes in [
            &[SMALL, large, 5 * large, 3 * large + 1, large, large - 1, SMALL][..],
            &[large - 1, large, large - 1, 100 * large, SMALL, 2 * large],
        ] {
            let block = grown_and_shrunk(sizes);
            assert_eq!(block.len(), *sizes.last().unwrap());
            assert!(
                block
                    .iter()
                    .enumerate()
                    .all(|(at, &byte)| byte == (at % 251) as u8)
            );
        }
        let zeroed = vec![0_u8; 3 * large];
        assert!(zeroed.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn what_pages_can_not_align_is_left_to_the_system() {
        let layout = |size, align| Layout::from_size_align(size, align).unwrap();
        assert!(is_mapped(layout(MAPPED_BYTES, PAGE_BYTES)));
        assert!(!is_mapped(layout(MAPPED_BYTES - 1, 1)));
        assert!(!is_mapped(layout(4 * MAPPED_BYTES, 2 * PAGE_BYTES)));
    }

    #[test]
    fn large_blocks_that_nobody_writes_are_not_resident() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let words = line.unwrap().split_whitespace().next().unwrap();
            words.parse::<usize>().unwrap() * 1024
        };
        // Written and freed first: what is mapped later is new all the same.
        drop((0..4_000).map(|_| vec![1_u8; MAPPED_BYTES]).collect::<Vec<_>>());
        let before = resident();
        let blocks: Vec<Vec<u8>> = (0..4_000).map(|_| Vec::with_capacity(MAPPED_BYTES)).collect();
        let grown = resident().saturating_sub(before);
        assert!(grown < blocks.len() * MAPPED_BYTES / 4, "{grown} bytes");
    }
}
