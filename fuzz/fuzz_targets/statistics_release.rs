#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vaultmesh_oracles::privacy::statistics_release(data));
