//! Minimal ELF files that Lambda would accept and that cannot run.
#![allow(dead_code, reason = "each test crate uses only some of it")]

pub const ARM64: u16 = 183;
pub const X86_64: u16 = 62;
pub const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
pub const LOADER_ARM64: &str = "/lib/ld-linux-aarch64.so.1";

/// A small ELF file with all that is checked: machine, loader, and required version of glibc.
pub fn elf(machine: u16, loader: &str, version: &str) -> Vec<u8> {
    const HEADER: usize = 64;
    const SEGMENT: usize = 56;
    let names = format!("\0libc.so.6\0{version}\0");
    let loader = format!("{loader}\0");
    let (loader_at, names_at) = (HEADER + SEGMENT, HEADER + SEGMENT + loader.len());
    let needs_at = names_at + names.len();
    let sections_at = needs_at + 32;
    let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let wide = |out: &mut Vec<u8>, values: &[usize]| {
        values.iter().for_each(|value| out.extend((*value as u64).to_le_bytes()));
    };
    let words = |out: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    let halves = |out: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    halves(&mut out, &[3, machine]);
    words(&mut out, &[1]);
    wide(&mut out, &[0x1000, HEADER, sections_at]);
    words(&mut out, &[0]);
    halves(&mut out, &[64, 56, 1, 64, 3, 2]);
    words(&mut out, &[3, 4]);
    wide(&mut out, &[loader_at, 0, 0, loader.len(), loader.len(), 1]);
    out.extend(loader.as_bytes());
    out.extend(names.as_bytes());
    halves(&mut out, &[1, 1]);
    words(&mut out, &[1, 16, 0]);
    words(&mut out, &[0, 0, 11, 0]);
    out.extend([0; 64]);
    let section = |out: &mut Vec<u8>, kind: u32, at: usize, size: usize, link: u32| {
        words(out, &[0, kind]);
        wide(out, &[0, 0, at, size]);
        words(out, &[link, 1]);
        wide(out, &[1, 0]);
    };
    section(&mut out, 0x6fff_fffe, needs_at, 32, 2);
    section(&mut out, 3, names_at, names.len(), 0);
    out
}

/// A valid one for x86_64.
pub fn good() -> Vec<u8> {
    elf(X86_64, LOADER, "GLIBC_2.34")
}
