//! Distances of bit strings, of any length and alignment: every instruction set counts right.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (a, b) = input.split_at(input.len() / 2);
    let b = &b[..a.len()];
    let ones = |bytes: &mut dyn Iterator<Item = u8>| -> u64 {
        bytes.map(|byte| u64::from(byte.count_ones())).sum()
    };
    let pairs = || a.iter().zip(b);
    let differing = ones(&mut pairs().map(|(a, b)| a ^ b));
    let common = ones(&mut pairs().map(|(a, b)| a & b));
    let each = (ones(&mut a.iter().copied()), ones(&mut b.iter().copied()));
    for kernels in distance::all_kernels() {
        assert_eq!((kernels.hamming)(a, b), differing, "{}", kernels.name);
        let parts = (kernels.jaccard_parts)(a, b);
        assert_eq!(parts, (common, each.0, each.1), "{}", kernels.name);
    }
});
