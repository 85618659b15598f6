//! Seeded JSON events of about 660 bytes, shaped like a tool call as a client records it.

use std::fmt::Write as _;

use vm_core::source::Entropy;

/// The `number`-th event: keys out of order, white space, escapes, numbers that are not in canonical form.
#[must_use]
pub fn json(number: u64) -> Vec<u8> {
    let mut draw = Draw(number);
    let mut text = String::with_capacity(700);
    let _ = write!(
        text,
        concat!(
            r#"{{"ts": "2026-01-02T03:04:{:02}.{:06}Z", "trace_id": "{:016x}{:016x}", "id": {}, "#,
            r#""jsonrpc": "2.0", "method": "tools/call", "params": {{"name": "read_file_{}", "#,
            r#""arguments": {{"path": "src\/module_{}\/file_{}.rs", "limit": {}.0, "offset": {}e1, "encoding": "utf-8"}}}}, "#,
            r#""result": {{"isError": {}, "content": [{{"type": "text", "text": "line \u00e9{}\n\tvalue = {};\u0000 {}"}}], "#,
            r#""usage": {{"ms": {}.{:03}, "bytes": {}, "cached": null}}}}, "#,
            r#""labels": ["{:08x}", "{:08x}", "{:08x}", "{:08x}"], "note": "{}"}}"#
        ),
        draw.below(60),
        draw.below(1_000_000),
        draw.bits(),
        draw.bits(),
        draw.below(1 << 53),
        draw.below(40),
        draw.below(100),
        draw.below(1_000),
        draw.below(10_000),
        draw.below(900) + 1,
        draw.below(2) == 0,
        draw.below(1_000_000),
        draw.below(1_000_000),
        draw.bits(),
        draw.below(5_000),
        draw.below(1_000),
        draw.below(1 << 32),
        draw.below(1 << 32),
        draw.below(1 << 32),
        draw.below(1 << 32),
        draw.below(1 << 32),
        "the quick brown fox jumps over the lazy dog; ".repeat(2),
    );
    text.into_bytes()
}

/// SplitMix64: repeatable on every machine, and good enough for workloads; worthless for secrets.
#[derive(Clone, Debug)]
pub struct Draw(pub u64);

impl Draw {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }
}

impl Entropy for Draw {
    fn fill(&mut self, out: &mut [u8]) {
        out.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.bits().to_le_bytes()[..chunk.len()]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_of_the_size_the_table_names() {
        for number in 0..1_000 {
            let length = json(number).len();
            assert!((620..=700).contains(&length), "event {number} has {length} bytes");
        }
    }
}
