#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultmesh_oracles::ethereum::ethereum_block(data));
